---@meta hud.schedule

---Learning-rate schedules: functions of the step number, from 1. A step past
---the end raises, so no step is ever trained at a rate nobody chose. A warm-up
---of w steps rises linearly and reaches the peak at step w; the schedule
---proper follows.
---
---    local rate = hud.schedule.linear(5e-4, 0, 40)
---    rate(1)   --> 0.0005
---    rate(40)  --> 1.25e-05
---@class hud.schedule
local schedule = {}

---@alias hud.Schedule fun(step: integer): number

---@class hud.schedule.Options
---@field warmup? integer  steps of linear warm-up; 0 by default

---The same rate for ever.
---
---    > rate = hud.schedule.constant(1e-4, { warmup = 2 })
---    > rate(1), rate(2), rate(100)
---    5e-05	0.0001	0.0001
---@param rate number
---@param options? hud.schedule.Options
---@return hud.Schedule
function schedule.constant(rate, options) end

---From one rate towards another: to + (from - to) * (n - s + 1) / n at step s.
---
---    > rate = hud.schedule.linear(1, 0, 4)
---    > rate(1), rate(2), rate(3), rate(4)
---    1	0.75	0.5	0.25
---    > rate(5)
---    error: stdin:1: linear: step: got 5, want at most 4, the length of the schedule
---@param from number
---@param to number
---@param steps integer
---@param options? hud.schedule.Options
---@return hud.Schedule
function schedule.linear(from, to, steps, options) end

---Half a cosine: to + (from - to) * (1 + cos(pi * (s - 1) / n)) / 2 at step s.
---
---    > rate = hud.schedule.cosine(1, 0, 4)
---    > rate(1), rate(3)
---    1	0.5
---@param from number
---@param to number
---@param steps integer
---@param options? hud.schedule.Options
---@return hud.Schedule
function schedule.cosine(from, to, steps, options) end

---@class hud.schedule.WSDOptions: hud.schedule.Options
---@field decay integer  how many of the last steps decay

---Warm-up, stable, decay: the peak until the last decay steps, which fall
---linearly towards to.
---
---    > rate = hud.schedule.wsd(1, 0, 6, { decay = 2 })
---    > rate(1), rate(4), rate(5), rate(6)
---    1	1	0.66666666666667	0.33333333333333
---@param peak number
---@param to number
---@param steps integer
---@param options hud.schedule.WSDOptions
---@return hud.Schedule
function schedule.wsd(peak, to, steps, options) end

return schedule
