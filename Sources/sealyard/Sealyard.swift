// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
@main struct Sealyard: AsyncParsableCommand { static let configuration = CommandConfiguration(commandName: "sealyard") }
