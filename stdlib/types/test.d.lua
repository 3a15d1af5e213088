---@meta hud.test

---Tests of scripts. `hudrl test` runs those in files called *_test.lua:
---
---    local test = require "hud.test"
---    test.describe("advantages", function()
---      test.it("sum to 0", function()
---        test.near(advantages{ 1, 0, 1 }:sum():item(), 0, 1e-6)
---      end)
---    end)
---
---Global functions whose names begin with test_ are tests too, and so are the
---functions of a table that the file returns, by their names. Where nobody collects tests, as at
---a prompt, they run at once and a failure raises. A failed assertion has code
---"check".
---@class hud.test
local test = {}

---Names the tests that fn makes.
---
---    > test = require "hud.test"
---    > test.describe("sums", function() test.it("adds", function() test.equal(1 + 1, 3) end) end)
---    error: stdin:1: sums: stdin:1: adds: stdin:1: equal: got 2, want 3
---@param name string
---@param fn fun()
function test.describe(name, fn) end

---A test: it passes when fn returns.
---
---    > require("hud.test").it("adds", function() assert(1 + 1 == 2) end)
---@param name string
---@param fn fun()
function test.it(name, fn) end

---Calls fn before each test of the describe it stands in, or of the file.
---
---    > require("hud.test").before_each(print)
---    error: stdin:1: before_each: nothing collects tests here
---      hint: run the file with hudrl test
---@param fn fun()
function test.before_each(fn) end

---Calls fn after each test of the describe it stands in, or of the file, also
---after one that failed.
---
---    > require("hud.test").after_each(print)
---    error: stdin:1: after_each: nothing collects tests here
---      hint: run the file with hudrl test
---@param fn fun()
function test.after_each(fn) end

---Fails when value is false or nil.
---
---    > require("hud.test").ok(1 > 2, "order")
---    error: stdin:1: ok: got false: order
---@param value any
---@param message? string
function test.ok(value, message) end

---Fails where got and want differ: numbers exactly (NaN is NaN), tables field by
---field, tensors position by position, anything else unless it is the same.
---
---    > test = require "hud.test"
---    > test.equal({ 1, { x = 2 } }, { 1, { x = 3 } })
---    error: stdin:1: equal: [2].x: got 2, want 3
---    > test.equal(tensor{ 1, 2 } * 2, tensor{ 2, 4 })
---@param got any
---@param want any
function test.equal(got, want) end

---Is equal but for numbers within atol + rtol·|want|; a number in place of the
---options is atol alone. Of tensors the largest difference comes first.
---
---    > test = require "hud.test"
---    > test.near(tensor{ 1, 2 }, tensor{ 1, 2.5 }, 0.1)
---    error: stdin:1: near: [2]: got 2, want 2.5
---    > test.near(tensor{ 1, 2, 3 }, tensor{ 1.5, 2, 4 }, 0.1)
---    error: stdin:1: near: 2 differences:
---      [3]: got 3, want 4: the largest of 2 differences in 3 values
---      [1]: got 1, want 1.5
---    > test.near(0.1 + 0.2, 0.3)
---@param got any
---@param want any
---@param tolerance? number|{ rtol: number?, atol: number? } default 1e-5 and 1e-8
function test.near(got, want, tolerance) end

---Fails unless fn raises, and the error has this text in its message and this
---code. Returns the error.
---
---    > test = require "hud.test"
---    > test.raises(function() tensor.zeros(-1) end, { code = "validation" }).code
---    "validation"
---    > test.raises(function() end)
---    error: stdin:1: raises: nothing was raised
---@param fn fun()
---@param want? string|{ message: string?, code: string? }
---@return any error
function test.raises(fn, want) end

---Fails unless text is what the file testdata/NAME beside the test holds.
---`hudrl test --update` writes it.
---
---    > require("hud.test").golden("report.txt", "all well")
---    error: stdin:1: golden: there is nothing to compare with here
---      hint: run the file with hudrl test
---@param name string
---@param text string
function test.golden(name, text) end

return test
