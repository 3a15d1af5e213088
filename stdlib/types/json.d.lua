---@meta hud.json

---JSON, strictly by RFC 8259. What decode returns, encode writes back.
---@class hud.json
---@field null any  stands for null: a table cannot hold nil. tostring gives "null".
local json = {}

---@class hud.json.EncodeOptions
---@field indent? integer  spaces per level, 0 to 16; without it everything is on one line

---Turns a value into JSON text. A table with positions 1 to n is a list; every
---other table, the empty one too, is an object, whose names come in the order
---they were set. An empty list is json.list{}. NaN, infinities, functions,
---gaps, mixed tables and strings that are not UTF-8 raise and name the place.
---
---    json.encode({ reward = 0.5, ids = { 1, 2 } })  --> {"reward":0.5,"ids":[1,2]}
---
---    > hud.json.encode({ reward = 0.5, ids = { 1, 2 } })
---    "{\"reward\":0.5,\"ids\":[1,2]}"
---@param value any
---@param options? hud.json.EncodeOptions
---@return string
function json.encode(value, options) end

---Reads JSON text. Lists keep that they are lists, null becomes json.null.
---Raises with line and column on anything else than one JSON value, on a name
---given twice, and on a whole number that a Lua number cannot hold exactly.
---
---    > hud.json.decode('{"ids": [1, 2], "best": null}').ids
---    {1, 2}
---    > hud.json.decode('[1, 2')
---    error: stdin:1: decode: line 1, column 6: got the end in a list, want , or ]
---@param text string
---@return any
function json.decode(text) end

---Marks a table as a list and returns it, so that it is [] while empty.
---
---    > hud.json.encode(hud.json.list{})
---    "[]"
---@generic T: table
---@param t T
---@return T
function json.list(t) end

return json
