-- limits: ; ends: ok "16"
local function r(s, n) return s:rep(n) end
local refused = 0
for _, src in ipairs {
	"return " .. r("(", 2e4) .. "1" .. r(")", 2e4), "return " .. r("not ", 2e4) .. "1", "return " .. r("- ", 2e4) .. "1",
	"return " .. r("#", 2e4) .. "x", r("do ", 2e4) .. r("end ", 2e4), r("return function() ", 1e4) .. r("end ", 3e4),
	"return " .. r("1 ..", 2e4) .. "1", "return " .. r("1+", 2e4) .. "1", "return " .. r("2^", 2e4) .. "2",
	"return a" .. r("[1]", 2e4), "f" .. r("()", 2e4), "if a then " .. r("elseif b then ", 1e4) .. "end",
	"return a" .. r(".b", 2e4), "f" .. r("''", 2e4), "return " .. r("1 == ", 2e4) .. "1", "return " .. r("a and ", 2e4) .. "1",
} do
	if not loadstring(src) then refused = refused + 1 end
end
print(refused)
