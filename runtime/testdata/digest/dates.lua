-- What os.date makes of 3,000 random times between 1970 and 2096.
local say = ...
local seed = 777
local function below(n) seed = (seed * 16807) % 2147483647 return seed % n end
for _ = 1, 3000 do
  local t = below(2147483647) + below(1850000000)
  say(t, os.date("!%a %A %b %B %d %H %I %j %m %M %p %S %U %w %W %x %X %y %Y %%", t), os.date("!%c", t),
    os.date("!%C %D %e %F %g %G %h %n %r %R %t %T %u %V", t))
  local d = os.date("!*t", t)
  say(d.year, d.month, d.day, d.hour, d.min, d.sec, d.wday, d.yday, d.isdst)
end
-- With the time zone UTC, os.time undoes it, also of fields out of range.
for _ = 1, 3000 do
  say(os.time{year = 1971 + below(60), month = below(40) - 12, day = below(90) - 40, hour = below(60) - 20, min = below(200) - 80, sec = below(300) - 100})
end
