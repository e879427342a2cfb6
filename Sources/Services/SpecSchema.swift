package import Deployment

/// The JSON Schema of spec files, for editors. What only all members together tell is `ServiceSpec.decode`'s to check.
package enum SpecSchema {
    package static let document: JSONValue = (try? SpecText.parse(text)) ?? .null

    private static let text = #"""
        {
          "$schema": "https://json-schema.org/draft/2020-12/schema",
          "title": "A service of Box, box.json5",
          "type": "object",
          "additionalProperties": false,
          "properties": {
            "schema": {"const": 1},
            "service": {"type": "string", "pattern": "^[a-z][a-z0-9-]{0,62}$"},
            "image": {"type": "string", "description": "name of an image; what it means is pinned at the deploy"},
            "command": {"type": "array", "items": {"type": "string"}, "description": "instead of the image's own"},
            "env": {"type": "object", "additionalProperties": {"type": "string"}},
            "secrets": {"type": "array", "items": {"type": "string"}},
            "user": {"type": "string", "description": "user or user:group, instead of the image's own"},
            "volumes": {
              "type": "array",
              "items": {
                "type": "object",
                "additionalProperties": false,
                "properties": {
                  "name": {"type": "string"},
                  "at": {"type": "string", "description": "an absolute path inside"},
                  "access": {"enum": ["shared", "exclusive"]}
                },
                "required": ["name", "at"]
              }
            },
            "scale": {
              "type": "object",
              "additionalProperties": false,
              "properties": {
                "min": {"type": "integer", "minimum": 0},
                "desired": {"type": "integer", "minimum": 0},
                "max": {"type": "integer", "minimum": 0},
                "target": {
                  "type": "object",
                  "additionalProperties": false,
                  "properties": {"cpu": {"type": ["string", "number"], "description": "a share: \"25%\""}}
                },
                "to_zero_after": {"$ref": "#/$defs/duration"}
              }
            },
            "ports": {
              "type": "array",
              "items": {
                "type": "object",
                "additionalProperties": false,
                "properties": {
                  "name": {"type": "string"},
                  "target": {"type": "integer", "minimum": 1, "maximum": 65535},
                  "publish": {"type": "integer", "minimum": 1, "maximum": 65535},
                  "protocol": {"enum": ["tcp", "udp"]},
                  "mode": {"enum": ["l4", "l7"]},
                  "router": {"enum": ["nftables", "haproxy", "nginx"]},
                  "host": {"type": "string"},
                  "sticky": {
                    "type": "object",
                    "additionalProperties": false,
                    "properties": {
                      "by": {"enum": ["cookie", "address"]},
                      "name": {"type": "string"},
                      "ttl": {"$ref": "#/$defs/duration"}
                    }
                  },
                  "timeout": {"$ref": "#/$defs/duration"}
                },
                "required": ["target"]
              }
            },
            "health": {
              "type": "object",
              "additionalProperties": false,
              "properties": {
                "http": {
                  "type": "object",
                  "additionalProperties": false,
                  "properties": {
                    "path": {"type": "string"},
                    "port": {"type": "string", "description": "name of a port"},
                    "host": {"type": "string"},
                    "expect": {"type": "string", "description": "200, or 200-299"},
                    "follow_redirects": {"type": "boolean"}
                  }
                },
                "tcp": {
                  "type": "object",
                  "additionalProperties": false,
                  "properties": {"port": {"type": "string"}}
                },
                "exec": {"type": "array", "items": {"type": "string"}},
                "log": {"type": "string", "description": "a text that a line of the log has"},
                "interval": {"$ref": "#/$defs/duration"},
                "timeout": {"$ref": "#/$defs/duration"},
                "healthy_threshold": {"type": "integer", "minimum": 1},
                "unhealthy_threshold": {"type": "integer", "minimum": 1},
                "start_timeout": {"$ref": "#/$defs/duration"},
                "healthy_deadline": {"$ref": "#/$defs/duration"},
                "stable_for": {"$ref": "#/$defs/duration"},
                "warmup": {"type": "array", "items": {"type": "string", "description": "a path"}},
                "slow_start": {"$ref": "#/$defs/duration"}
              }
            },
            "drain": {
              "type": "object",
              "additionalProperties": false,
              "properties": {
                "timeout": {"$ref": "#/$defs/duration"},
                "long_lived": {"$ref": "#/$defs/duration"},
                "lame_duck": {
                  "type": "object",
                  "additionalProperties": false,
                  "properties": {
                    "signal": {"type": "string"},
                    "http": {"type": "string"},
                    "exec": {"type": "array", "items": {"type": "string"}}
                  }
                },
                "stop_signal": {"type": "string"},
                "stop_grace": {"$ref": "#/$defs/duration"}
              }
            },
            "deploy": {
              "type": "object",
              "additionalProperties": false,
              "properties": {
                "strategy": {"enum": ["rolling", "immutable", "canary", "blue_green", "recreate", "all_at_once"]},
                "batch": {"type": ["integer", "string"], "description": "a count, or a share: \"25%\""},
                "surge": {"type": ["integer", "string"], "description": "a count, or a share: \"25%\""},
                "max_unavailable": {"type": ["integer", "string"], "description": "a count, or a share: \"25%\""},
                "batch_pause": {"$ref": "#/$defs/duration"},
                "steps": {
                  "type": "array",
                  "items": {
                    "type": "object",
                    "additionalProperties": false,
                    "properties": {
                      "weight": {"type": ["string", "number"], "description": "a share: \"25%\""},
                      "pause": {"$ref": "#/$defs/duration"},
                      "analysis": {"$ref": "#/$defs/duration"},
                      "gate": {"enum": ["manual"]},
                      "timeout": {"$ref": "#/$defs/duration"}
                    }
                  },
                  "description": "of a canary"
                },
                "match": {
                  "type": "array",
                  "items": {
                    "type": "object",
                    "additionalProperties": false,
                    "properties": {
                      "header": {"type": "string"},
                      "cookie": {"type": "string"},
                      "equals": {"type": "string"},
                      "prefix": {"type": "string"},
                      "regex": {"type": "string"}
                    }
                  }
                },
                "preview": {
                  "type": "object",
                  "additionalProperties": false,
                  "properties": {
                    "port": {"type": "integer", "minimum": 1, "maximum": 65535},
                    "host": {"type": "string"},
                    "count": {"type": "integer", "minimum": 1}
                  }
                },
                "promote": {"enum": ["auto", "manual"]},
                "baseline": {"enum": ["stable", "fresh"]},
                "analysis": {
                  "type": "object",
                  "additionalProperties": false,
                  "properties": {
                    "interval": {"$ref": "#/$defs/duration"},
                    "min_requests": {"type": "integer", "minimum": 0},
                    "on_inconclusive": {"enum": ["extend", "pause", "fail"]},
                    "metrics": {
                      "type": "array",
                      "items": {
                        "type": "object",
                        "additionalProperties": false,
                        "properties": {
                          "name": {
                            "enum": [
                              "crashes",
                              "rss",
                              "resets",
                              "error_rate",
                              "connect_errors",
                              "p50",
                              "p95",
                              "p99"
                            ]
                          },
                          "max": {"type": ["string", "number"]},
                          "max_vs_control": {"type": "number"}
                        },
                        "required": ["name"]
                      }
                    },
                    "webhooks": {
                      "type": "array",
                      "items": {
                        "type": "object",
                        "additionalProperties": false,
                        "properties": {
                          "url": {"type": "string"},
                          "every": {"$ref": "#/$defs/duration"}
                        },
                        "required": ["url"]
                      }
                    }
                  }
                },
                "progress_deadline": {"$ref": "#/$defs/duration"},
                "bake": {"$ref": "#/$defs/duration"},
                "on_failure": {"enum": ["rollback", "pause"]},
                "rollback_window": {"$ref": "#/$defs/duration"},
                "rollback_keep": {"enum": ["frozen", "running", "stopped"]},
                "revisions": {"type": "integer", "minimum": 2},
                "hold_timeout": {"$ref": "#/$defs/duration"},
                "reversible": {"type": "boolean"},
                "abort_keep": {"$ref": "#/$defs/duration"},
                "router_timeout": {"$ref": "#/$defs/duration"}
              }
            },
            "hooks": {
              "type": "object",
              "additionalProperties": false,
              "properties": {
                "before_deploy": {"$ref": "#/$defs/hook"},
                "before_traffic": {"$ref": "#/$defs/hook"},
                "after_traffic": {"$ref": "#/$defs/hook"},
                "before_promote": {"$ref": "#/$defs/hook"},
                "after_rollback": {"$ref": "#/$defs/hook"},
                "pre_stop": {"$ref": "#/$defs/hook"}
              }
            },
            "resources": {
              "type": "object",
              "additionalProperties": false,
              "properties": {
                "memory": {"type": ["string", "integer"], "description": "bytes, or 512MiB"},
                "cpu": {"type": "number", "exclusiveMinimum": 0}
              }
            }
          },
          "required": ["schema", "service", "image"],
          "$defs": {
            "duration": {"type": "string", "description": "a duration: 500ms, 30s, 2m"},
            "hook": {
              "type": "object",
              "additionalProperties": false,
              "properties": {
                "run": {"type": "array", "items": {"type": "string"}},
                "in": {"enum": ["new", "old"]},
                "timeout": {"$ref": "#/$defs/duration"}
              },
              "description": "a command, run once"
            }
          }
        }
        """#
}
