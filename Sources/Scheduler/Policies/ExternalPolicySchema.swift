// SPDX-License-Identifier: Apache-2.0

/// The JSON Schema of the lines between the scheduler and a program that decides.
package enum ExternalPolicySchema {
    /// One document: `question` is what the program reads, `answer` what it writes, `hello` and `welcome` the
    /// first pair.
    package static let json = """
        {
          "$schema": "https://json-schema.org/draft/2020-12/schema",
          "title": "Lines of an external scheduling policy, version 1",
          "description": "The program reads hello, then a question a line; it answers each with a line.",
          "$defs": {
            "hello": {
              "type": "object",
              "required": ["version", "type", "seed", "sectorBytes", "sealingBytes", "options"],
              "properties": {
                "version": {"const": 1},
                "type": {"const": "hello"},
                "seed": {"type": "string", "description": "a whole number of 64 bits, as text"},
                "sectorBytes": {"type": "integer"},
                "sealingBytes": {"type": "integer", "description": "room for a sector while it is sealed"},
                "options": {"type": "object", "additionalProperties": {"type": "string"}}
              }
            },
            "welcome": {
              "type": "object",
              "required": ["version", "name"],
              "properties": {"version": {"const": 1}, "name": {"type": "string", "maxLength": 64}}
            },
            "question": {
              "type": "object",
              "required": ["version", "type", "now", "workers", "stores", "tasks", "admissions"],
              "properties": {
                "version": {"const": 1},
                "type": {"const": "decide"},
                "now": {"type": "number", "description": "seconds since the world began"},
                "workers": {"type": "array", "items": {"$ref": "#/$defs/worker"}},
                "stores": {"type": "array", "items": {"$ref": "#/$defs/store"}},
                "tasks": {"type": "array", "items": {"$ref": "#/$defs/task"},
                          "description": "waiting tasks, the last stages first, at most 200 of a kind"},
                "admissions": {"type": "array", "items": {"$ref": "#/$defs/admission"},
                               "description": "sectors that wait for room, in order, at most 200"},
                "omittedTasks": {"type": "integer"},
                "omittedAdmissions": {"type": "integer"}
              }
            },
            "worker": {
              "type": "object",
              "properties": {
                "index": {"type": "integer", "description": "by which decisions name it"},
                "name": {"type": "string"}, "host": {"type": "string"}, "group": {"type": "string"},
                "isAvailable": {"type": "boolean"},
                "free": {"type": "object", "additionalProperties": {"type": "integer"},
                         "description": "free slots by kind; kinds that are missing are not accepted"},
                "runningCount": {"type": "integer"}
              }
            },
            "store": {
              "type": "object",
              "properties": {
                "name": {"type": "string"}, "host": {"type": "string"}, "group": {"type": "string"},
                "capacityBytes": {"type": "integer"}, "reservedBytes": {"type": "integer"},
                "sectorCount": {"type": "integer"},
                "sectorCountMax": {"type": "integer", "description": "0 for no limit"},
                "weight": {"type": "integer"}
              }
            },
            "task": {
              "type": "object",
              "properties": {
                "id": {"type": "string", "description": "by which decisions name it"},
                "sector": {"type": "string"},
                "kind": {"type": "string", "description": "such as seal/v0/precommit/1"},
                "attempt": {"type": "integer"},
                "host": {"type": "string", "description": "where the files are; missing for anywhere"},
                "moveBytes": {"type": "integer", "description": "to move where it runs elsewhere"},
                "since": {"type": "number"}, "sequence": {"type": "integer"},
                "priority": {"type": "integer"},
                "deadline": {"type": "number", "description": "seconds as now; missing for none"},
                "workers": {"type": "array", "items": {"type": "integer"},
                            "description": "where it may start now, at most 64"}
              }
            },
            "admission": {
              "type": "object",
              "properties": {
                "sector": {"type": "string"}, "bytes": {"type": "integer"}, "isDeal": {"type": "boolean"},
                "deadline": {"type": "number"}, "since": {"type": "number"}, "priority": {"type": "integer"},
                "stores": {"type": "array", "items": {"type": "string"},
                           "description": "that have room now"}
              }
            },
            "answer": {
              "type": "object",
              "required": ["version", "decisions"],
              "properties": {
                "version": {"const": 1},
                "wakeAfter": {"type": "number", "exclusiveMinimum": 0, "maximum": 1e9,
                              "description": "seconds after which to be asked again in any case"},
                "decisions": {"type": "array", "maxItems": 10000, "items": {"$ref": "#/$defs/decision"}}
              }
            },
            "decision": {
              "oneOf": [
                {"type": "object", "required": ["assign", "worker"], "additionalProperties": false,
                 "properties": {"assign": {"type": "string"}, "worker": {"type": "integer"},
                                "rule": {"type": "string", "maxLength": 64}, "score": {"type": "number"}}},
                {"type": "object", "required": ["admit", "store"], "additionalProperties": false,
                 "properties": {"admit": {"type": "string"}, "store": {"type": "string"},
                                "rule": {"type": "string", "maxLength": 64}, "score": {"type": "number"}}},
                {"type": "object", "required": ["prefetch", "worker"], "additionalProperties": false,
                 "properties": {"prefetch": {"type": "string"}, "worker": {"type": "integer"}}},
                {"type": "object", "required": ["hold", "reason"], "additionalProperties": false,
                 "properties": {"hold": {"type": "string"},
                                "reason": {"type": "string", "maxLength": 200}}}
              ]
            }
          },
          "oneOf": [
            {"$ref": "#/$defs/hello"}, {"$ref": "#/$defs/welcome"},
            {"$ref": "#/$defs/question"}, {"$ref": "#/$defs/answer"}
          ]
        }
        """
}
