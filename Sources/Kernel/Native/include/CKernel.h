/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CKERNEL_H
#define CKERNEL_H
#endif
