---@meta hud.fs

---Files under the directories that the host allows: hudrl's scripts may read below
---the working directory, and more with `--allow-read DIR` and `--allow-write DIR`.
---A relative path is below the first of them. No path leads out, also not through
---symbolic links; files called .env, and others that hold keys, are never
---touched. The module exists only with that capability.
---@class hud.fs
local fs = {}

---A file's text, at most as long as a string may be.
---
---    > require("hud.fs").read("notes.txt")
---    "hello\n"
---    > require("hud.fs").read("../keys.txt")
---    error: stdin:1: read: this script may not read ../keys.txt
---      hint: --allow-read DIR allows a directory; a host program sets Capabilities.ReadRoots
---@param path string
---@return string
function fs.read(path) end

---Makes or replaces a file, as a whole or not at all.
---
---    > fs = require "hud.fs"
---    > fs.write("log.txt", "done")
---    > fs.read("log.txt")
---    "done"
---@param path string
---@param text string
function fs.write(path, text) end

---Adds to the end of a file, which is made if need be.
---
---    > fs = require "hud.fs"
---    > fs.append("notes.txt", "more\n")
---    > fs.read("notes.txt")
---    "hello\nmore\n"
---@param path string
---@param text string
function fs.append(path, text) end

---What a directory holds, sorted; directories end in "/".
---
---    > fs = require "hud.fs"
---    > fs.mkdir("data")
---    > table.concat(fs.list(), " ")
---    "data/ notes.txt"
---@param path? string
---@return string[]
function fs.list(path) end

---What is at a path, nil where nothing is.
---
---    > fs = require "hud.fs"
---    > fs.stat("notes.txt").size, fs.stat("nothing")
---    6	nil
---@param path string
---@return { size: integer, dir: boolean, modified: number }? stat modified in seconds since 1970
function fs.stat(path) end

---Makes a directory, and those above it.
---
---    > fs = require "hud.fs"
---    > fs.mkdir("out/today")
---    > fs.stat("out/today").dir
---    true
---@param path string
function fs.mkdir(path) end

---Removes a file, or an empty directory.
---
---    > fs = require "hud.fs"
---    > fs.remove("notes.txt")
---    > fs.stat("notes.txt")
---    nil
---@param path string
function fs.remove(path) end

return fs
