// Package stdlib carries the text that ships with the runtime: Lua modules
// that require finds, and the LuaCATS stubs in types/ that document every Lua
// name for editors.
package stdlib

import "embed"

// Types holds types/*.d.lua, one ---@meta file for each module.
//
//go:embed types/*.d.lua
var Types embed.FS
