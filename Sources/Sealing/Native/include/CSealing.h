/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CSEALING_H
#define CSEALING_H
#endif
