// Package stdlib carries the LuaCATS stubs in types/ that document every Lua
// name: for editors as they are, for hudrl doc and the REPL's :help as Entries.
package stdlib

import "embed"

// Types holds types/*.d.lua, one ---@meta file for each module.
//
//go:embed types/*.d.lua
var Types embed.FS
