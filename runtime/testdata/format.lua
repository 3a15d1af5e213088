-- Expected values: C's printf.
local function f(want, ...) local got = string.format(...) if got ~= want then error(("got %q, want %q"):format(got, want), 2) end end
f("3.14", "%.2f", math.pi)
f("  3.1|3.1  |003.1", "%5.1f|%-5.1f|%05.1f", 3.1, 3.1, 3.1)
f("+5 -5  5", "%+d %+d % d", 5, -5, 5)
f("    5|5    |00005", "%5d|%-5d|%05d", 5, 5, 5)
f("ff FF 0xff 377", "%x %X %#x %o", 255, 255, 255, 255)
f("ffffffffffffffff", "%x", -1)
f("18446744073709551615", "%u", -1)
f("1.000000e+10 1E+10", "%e %.0E", 1e10, 1e10)
f("1e+10 0.0001 1e-05 123457", "%g %g %g %g", 1e10, 0.0001, 0.00001, 123456.7)
f("0.3", "%.14g", 0.1 + 0.2)
f("A%", "%c%%", 65)
f("   ab|ab   |a", "%5s|%-5s|%.1s", "ab", "ab", "ab")
f("é |   é", "%-3s|%5s", "é", "é") -- bytes, as in C
---
local function f(want, ...) local got = string.format(...) if got ~= want then error(("got %q, want %q"):format(got, want), 2) end end
f("inf|-inf|nan|  inf|+inf|INF", "%f|%g|%e|%5.1f|%+f|%G", math.huge, -math.huge, 0/0, math.huge, math.huge, math.huge)
f([["a\"b\\c\
d\000\r"]], "%q", 'a"b\\c\nd\0\r')
f("true nil 0.3", "%s %s %s", true, nil, 0.1 + 0.2)
f("T", "%s", setmetatable({}, {__tostring = function() return "T" end}))
f("10", "%d", "10")
f("3", "%d", 3.0)
f("%", "%%")
f("", "")
f("-9007199254740992", "%d", -2^53)
---
("%d"):format("x")           --! ^string.format: argument 2: got "x", want number for %d$
---
("%d"):format(3.5)           --! ^string.format: argument 2: got 3.5, want a whole number for %d$
---
("%d"):format(0/0)           --! ^string.format: argument 2: got nan, want a whole number for %d$
---
("%d"):format(1e30)          --! ^string.format: argument 2: got 1e\+30, want a whole number for %d$
---
("%d %d"):format(1)          --! ^string.format: %d has no argument: got 1 arguments after the format$
---
("%y"):format(1)             --! ^string.format: no such conversion: %y
---
("%"):format(1)              --! ^string.format: the format ends in the middle of a conversion$
---
("%100d"):format(1)          --! ^string.format: width or precision 100 is too large: at most 99$
---
("%.100f"):format(1)         --! width or precision 100 is too large
---
("%------d"):format(1)       --! repeated flags
---
("%a"):format(1)             --! ^string.format: no such conversion: %a
---
("%F"):format(1)             --! ^string.format: no such conversion: %F
---
assert(("%q"):format(5) == '"5"' and ("%+x|% o|%.0d|%+.0d|%#x"):format(255, 8, 0, 0, 0) == "ff|10||+|0")
---
("%q"):format({})            --! ^string.format: argument 2: got table, want string for %q$
