---@meta hud.http

---Requests to the addresses that the host allows (`--allow-net HOST:PORT`). The
---module exists only with that capability. No key, cookie or proxy of the host's
---goes along, and redirects are not followed: the script may, with permission.
---@class hud.http
local http = {}

---@class hud.http.Response
---@field status integer
---@field body string at most as long as a string may be
---@field headers table<string, string> names in lower case

---@class hud.http.Options
---@field headers table<string, string|number>?
---@field timeout number? seconds until the whole answer is there; default 30

---Fetches an address.
---
---    > require("hud.http").get("http://127.0.0.1:8000/")
---    error: stdin:1: get: this script may not reach 127.0.0.1:8000
---      hint: --allow-net 127.0.0.1:8000 allows it; a host program sets Capabilities.Hosts
---@param url string
---@param opts? hud.http.Options
---@return hud.http.Response
function http.get(url, opts) end

---Sends a body.
---
---    > ok, e = pcall(require("hud.http").post, "http://127.0.0.1:1/", "{}")
---    > e.code
---    "network"
---@param url string
---@param body string
---@param opts? hud.http.Options
---@return hud.http.Response
function http.post(url, body, opts) end

---Any other request.
---
---    > ok, e = pcall(require("hud.http").request, { method = "DELETE", url = "http://127.0.0.1:1/x" })
---    > e.message
---    "request: DELETE http://127.0.0.1:1/x: …"
---@param opts { url: string, method: string?, body: string?, headers: table<string, string|number>?, timeout: number? } method defaults to GET
---@return hud.http.Response
function http.request(opts) end

return http
