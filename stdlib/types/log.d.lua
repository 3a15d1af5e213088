---@meta hud.log

---Messages for whoever runs the script, on its log. hudrl shows info and above
---on standard error; -v shows debug, -q only errors.
---@class hud.log
local log = {}

---@alias hud.log.Fields table<string, string|number|boolean>

---A message for who looks for a fault.
---
---    > hud.log.debug("step done", { step = 3 })
---@param message string
---@param fields? hud.log.Fields  shown as name=value
function log.debug(message, fields) end

---A message of what goes on.
---
---    > hud.log.info("step done", { step = 3 })
---@param message string
---@param fields? hud.log.Fields
function log.info(message, fields) end

---A message of what looks wrong.
---
---    > hud.log.warn("step done", { step = 3 })
---@param message string
---@param fields? hud.log.Fields
function log.warn(message, fields) end

---Logs an error and goes on; error() is what stops a script.
---
---    > hud.log.error("step done", { step = 3 })
---@param message string
---@param fields? hud.log.Fields
function log.error(message, fields) end

return log
