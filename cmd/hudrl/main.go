// Command hudrl trains language models from rewards with Lua scripts, offline
// by default. Its commands live in internal/cli.
package main

import "github.com/hudrl/hudrl/internal/cli"

func main() { cli.Main() }
