---@meta hud.env

---The environment variables that the host allows by name. The module exists only
---with that capability (`--allow-env NAME`); settings of the training service
---are never among them.
---@class hud.env
local env = {}

---A variable's value.
---
---    > require("hud.env").get("USER")
---    "ada"
---    > require("hud.env").get("HOME")
---    error: stdin:1: get: this script may not read HOME
---      hint: --allow-env HOME allows it; a host program sets Capabilities.Env
---@param name string
---@param otherwise? any given where it is not set
---@return string? value
function env.get(name, otherwise) end

---The names that the host allows, sorted.
---
---    > table.concat(require("hud.env").names(), " ")
---    "USER"
---@return string[]
function env.names() end

return env
