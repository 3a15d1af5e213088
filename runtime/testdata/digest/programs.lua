-- What 110 random programs do: assignments, conditions, literals, closures, varargs and coroutines.
local say = ...
local buf, ticks, depth = {}, 0, 0
local function show(v) local t = type(v) if t == "table" or t == "function" then return t elseif t == "userdata" or tostring(v):find("attempt to yield") then return "YIELD" elseif t == "number" then return string.format("%.10g", v == 0 and 0 or v) end return tostring(v) end
local function out(...) ticks = ticks + 1 if ticks > 3000 then error("STOP") end local t = {} for i = 1, select("#", ...) do t[i] = show((select(i, ...))) end buf[#buf + 1] = table.concat(t, ",") end
local function tick() ticks = ticks + 1 if ticks > 3000 then error("STOP") end end
local function num(v) return tonumber(v) or 1 end
local function str(v) return show(v):sub(1, 30) end
local function tab(v) return v end
local function lt(a, b) return show(a) < show(b) end
local function two(...) tick() out("two", ...) return ... end
local function sel(...) return select(select("#", ...) > 1 and 2 or 1, ...) end
local obj = {m = function(self, ...) return ... end}
local upv, up = 1, 2
local function up1() return upv end local function up2() upv = up return up, upv end
local function yield(...) if coroutine.running() then return coroutine.yield(...) end return ... end
local T, F = {}, {}
local function call(f, ...) depth = depth + 1 if depth < 30 and f then out("called", f(...)) end depth = depth - 1 end

do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  do up, upv = (num(2) <= num(a)); out(0); local b = g2 or (upv), (str(b) .. str(upv)); end; do local w2 = 0 while w2 < 2 and not (tab({a, [1] = (num(g2) >= num(sel(7, 0.5, 7))), ["x"] = up2()}).x) do tick() w2 = w2 + 1 g2, upv = -1, nil; local l3, l4, l5 = (str((str(g1) .. str(b))) .. 0 .. str(upv) .. (str(lt((1 or false), g1)))); end end;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(0, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  if false then  elseif (upv or (str(not 10) .. str((num(false) >= num(nil))))) then  else out(g2); end; do local w1 = 0 while w1 < 2 and not (true) do tick() w1 = w1 + 1 out(); out(); end end; if (tab({c})[3] and g2) then local l2, l3 = (str((2 or two('x'))) .. 7 .. str(((num('5') + num('5')) == true)) .. (str(upv))), (((-1) and -1 ~= tab({x = false})[2]) == 'x'), lt(b, b); elseif ((a) or (tab({})[1]) or g1) then  end;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(1, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  do upv = a, tab({[1] = ((str(3) .. str(2)) and tab({["x"] = true, false, 'x'})[1]), z = g2, -num(g2), two('x', ('x' ~= 10))})[3], lt(b, c); out((num((not b and lt(false, true))) / num(2)), true); local l1, l2 = false or 0, upv; end; do local r3 = 0 repeat tick() r3 = r3 + 1 upv, up = a; until r3 > 1 or b or g1 end; up = nil, (num((str((0.5 and -1)) .. str((0.5 == false)))) + num(((two(nil)) ~= g2)));
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(2, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  do local r1 = 0 repeat tick() r1 = r1 + 1 out((a ~= a)); until r1 > 1 or tab({})[3] end; for i2 = 3, 2 do tick() up = ('5' or ...), 'x'; out((num(2) < num(tab({#{1, 1, 1, (two(1,2))}})[1]))); local l3, l4 = g1, (g1 and (num(3) / num(('5' and true)))), c; end; out(true);
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(3, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  local f1 = function(p0, p1) T[1], b = 0, (num(yield(3, g2)) * num(((num(3) + num(nil)) or (num(false) <= num(2))))); p1, upv = not b, 3, (upv or (p0 and ('5') and g1)); return two() end; F[#F + 1] = f1; if #F > 20 then F = {} end do local w2 = 0 while w2 < 2 and not (not (-1)) do tick() w2 = w2 + 1 local l3, l4 = (((num(true) / num(3)) or 'x') == false), '5'; end end; T.x, upv = true;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(4, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  for i1 = 1, 3 do tick() g2, T.x, b = not ((i1 or #{1, 1, 1, 1, two(1,2)})); F[#F + 1] = function(...) i1 = two(i1, ...) return i1 end end; local l2, l3 = g2;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(5, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  local l1, l2, l3 = '5', b; if (l3 and two((str(true) .. str(nil)))) then  end;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(6, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  out(pcall(function(p0, p1, ...) upv = p0, p0; local p1, l2 = g2; return upv end, upv)); do local b, l4 = (upv) and g2, (num(lt((false and nil), (nil or 'x'))) - num(upv)), (#{1, two(1,2)} == (num((str(true) .. str('5'))) + num((0.5 and false)))); upv, c = g2; T[1], T.x = b, (num((a or a)) >= num(((-1 or true) == a))), (g1 or ('x' == upv or (1))); end;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(7, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  call(F[#F], yield(1, g1, g1)); local l1 = (num(yield(('x' ~= 2), 2, lt(10, true))) - num(upv and 'x')), 'x';
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(8, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  b, up, upv = lt((('5' and true) or #{1, 1, 1, 1, (two(1,2))}), (num((num(false) < num(nil))) + num(b))), a, ('x' == tab({a, true, ('x' == 3)})[3]); if c then local l1, l2, l3 = two(2, (num(two(0.5)) < num(two())), not g1); out((str('5') .. str(false)), (num((('x' and 2) or 2)) <= num(((nil) or b == two(10))))); elseif upv then out(); end;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(9, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  up = c, 1, true; do local r1 = 0 repeat tick() r1 = r1 + 1 upv, g1 = upv, tab({y = (str(...) .. str(0.5)), two()})[2], 7; until r1 > 1 or c end; if 7 or g1 then upv, T[1] = tab({["x"] = ((str('x') .. str(3)) == true), nil, (two((num(1) + num(0)), c, (nil) or (true))), [1] = true})[3]; else local c, l3 = #{1, 1, 1, (two(1,2))}, (str(b) .. str(g2)), a; end;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(10, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  upv, g1 = g2, g2; local b = tab({})[3], upv; for k2, v2 in ipairs({(str(up1()) .. str((two()))), (('x' and '5') or two()), a}) do tick() local l3, l4, l5 = (num(upv) + num(upv)); end;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(11, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  if false then T[num(a)] = 'x', not (up2()); upv, T.x = (num(g1 or 'x') * num('x')); end; local l1, l2 = 0, true, g2;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(12, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  for i1 = 0, -1, -1 do tick() local l2 = (str(((7 == nil) or true)) .. str(c)), (str(#{1, 1, 1, 1, (two(1,2))}) .. 3 .. str(i1) .. (str(1 and ((str(1) .. str('5')))))); out(); if (num((two() and upv)) - num(g2)) then break end end; local f3 = function() local l4 = a, (num(g2) <= num(lt(two(true, '5', true), not ('x')))); return true, 0 end; F[#F + 1] = f3; if #F > 20 then F = {} end g1 = false, c;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(13, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  if (str((nil == two())) .. 2 .. str(c and upv) .. (str((str((true and false)) .. 7 .. str(upv and ('x')) .. (str(false)))))) then local b, l2, l3 = (a ~= 0), '5' and upv, g1; elseif sel(upv, c and (7 and false)) then out(g2, (str(upv) .. str((a and ('5') or two(1))))); local a, l6, l7 = g2, '5'; end; if lt(false, g2) then local l8 = (num(false) < num(tab({obj:m(true, 0), ["x"] = (num(nil) + num('5')), a, (num('5') > num(-1))}).x)); elseif b and ((num(b) < num((7) and (7)))) then  end; out(pcall(function(p0, p1) T[1], a = (num(p0) - num((not upv == 2))), ((c and -1) and #{1, 1, 1, 1, 5}); out('5'); return  end, (num(false) / num(((...) and g1)))));
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(14, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  local l1, l2 = '5', true, ((7 and (str('5') .. str(10))) and yield(c, nil and a, (num('x') / num(3)))); if a then out(two()); elseif (1 and (function(p0, ...)  return 1 end)((false) or true, 'x')) then  else out((yield() ~= a)); end; if (num((num((0 and 3)) + num((num(true) + num(1))))) > num(g1)) then local c = ((num((str(false) .. str(true))) / num((0) or (1))) ~= 3 and 0.5), (lt((true ~= true), (str(1) .. 0.5 .. str(nil) .. (str('x')))) or l1); end;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(15, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  if upv then out(); else  end; if a then local a = 'x', 3, two(10); end; call(F[1], upv);
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(16, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  for i1 = 3, 1 do tick() up, upv = not -1, tab({(str(('x' or '5')) .. str(false))})[2], not 0; c, T.x, upv = not 10; end; do c = ((two(1)) ~= two(up2())), c; local l2, l3, l4 = nil; local l5, l6 = two(upv), a, false; end; T[num(a)], up = (num((g1 or 10)) * num(-1)), 3;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(17, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  for k1, v1 in ipairs({}) do tick() local l2, l3 = two((lt(3, 2) == yield(7, 'x')), ((num(3) / num(3)) == lt(1, '5')), c), two(); end; local l4, l5 = 7, (not 0.5 == (str((str(false) .. str(true))) .. str(two()))), obj:m(#{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, (two(1,2))}, g2); do local r6 = 0 repeat tick() r6 = r6 + 1 out((num('5') - num(two())), lt(nil or (('5' ~= 0.5)), yield(false))); local l5, l8, l9 = g1, 7, l5; until r6 > 1 or (two() == (g1 == (true) or g2)) end;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(18, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  out(pcall(function(p0, p1) out(two(), two(0, '5', p1), upv); out((g1 and (str((false) or p1) .. str(('x' and false)))), 'x'); return p0 end, (nil ~= lt((false and 'x'), select('#', ...))))); out(b); if 'x' then local l1 = (b == ('5' == (7 ~= 10))), (not upv ~= false), upv; end;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(19, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  upv, up = (str('x') .. str(b)); call(F[1], (str(tab({})[2]) .. str(g2))); local l1 = #{(two(1,2))}, not ((not a and (num(0) >= num(7))));
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(20, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  g2, up = ..., (num(a) - num((lt(true, false) and a))); out((str(lt('5', up1())) .. str(a)), ((tab({})[3] or (num('5') <= num(0.5))) == lt(7, tab({z = '5'})[2])), ((str((num(nil) / num('x'))) .. str(true))) or b);
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(21, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  upv = not 7, (g1 or ((str(-1) .. str(2)) ~= 0.5)), true; for k1, v1 in ipairs({(str(obj:m(false, '5', false)) .. str(0))}) do tick() local b = (str(7) .. str(obj:m(('x' and 3), tab({'5'})[3]))); end;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(22, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  b, c = (str(b) .. str((num(('x' and -1)) < num((-1 or '5'))))), false; b, g1 = a; if false then  else  end;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(23, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  do up, upv, T.x = 2, '5'; out(); end; T.x = tab({(num((true and 2)) * num(('x' == 3))), a, 'x', upv})[3]; out(pcall(function(p0, p1) out(); T.x, upv, T[num(c)] = g1; return 0.5, g2 end, (b and (tab({[2] = nil, true, true})[3]) or ((true and nil) ~= nil))));
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(24, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  b, upv, T[num(b)] = g2, (-1 and (num(b or false) / num((10 or 3)))), ((3 == g1) ~= (str(false) .. 2 .. str(-num(true)) .. (str(false)))); if (b ~= upv) then c = (two()); else up, c = c, not b; local l1, l2, l3 = sel(g1, a, (lt(0, false) or lt(7, false))); end;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(25, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  do local r1 = 0 repeat tick() r1 = r1 + 1 local l2, l3, l4 = false, ((str(c) .. str((10) or nil)) or (str(7) .. str(lt(nil, true)))), c; out((1 and two()), ...); until r1 > 1 or (str((str(tab({})[3]) .. str(not c))) .. str(0)) end; if (num('x') * num((num(nil) + num(-1)))) then  else  end; out(pcall(function(p0, ...)  return two(), two('x') end, c));
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(26, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  do local w1 = 0 while w1 < 2 and not (g1) do tick() w1 = w1 + 1 out(); end end; if ((a or b) == two((10 ~= 'x'), 3)) then g1, T[num(a)], T[1] = not (nil); out(true); elseif (str((g1 and '5' or 0.5)) .. str(a)) then  end; if (true ~= upv) then  else T.x, upv = (num((a and lt(0.5, 3))) + num(upv)), ((num((num('x') <= num('x'))) / num(('x' and '5'))) == false); local l2, l3 = '5'; end;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(27, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  for k1, v1 in ipairs({x = c, c}) do tick() out(true, b, a); end; if g2 then T[num(g1)], upv = (two((num(7) * num(10)), (num('5') / num(true)), 7) and not b), tab({})[1]; up = lt((not (false) or tab({true})[1]), (g2 or true)); else local l2 = upv, 1; end;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(28, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  out(nil); out(pcall(function(p0, p1, ...)  end, (num(10) + num(yield(nil, not 7)))));
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(29, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  for i1 = 0, 1 do tick() out(); upv, a, b = i1, (str(1) .. str(sel(c))), lt(tab({(false) and g2, (num('5') / num('x')), '5', y = lt(nil, false)})[3], a); T[1], T.x = (((num('x') - num(false))) or (lt('5', 10)) or nil), g1, not (c); end; if a then T.x = upv, '5'; out(); else out('5', tab({(7) and g1, (num(-1) < num((num('x') * num(-1))))})[2], nil); local c = 10, tab({((two(nil)) == (nil or 0.5))})[2]; end; call(F[2], (g1 == g2));
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(30, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  local f1 = function()  end; F[#F + 1] = f1; if #F > 20 then F = {} end do a = not c, (str((num(-1) <= num((nil and false)))) .. str(((2 and 0.5) ~= '5'))); g1, a = ((num(not (0.5)) < num(-num(nil))) ~= 2), (0) and 'x', 'x'; out(); end;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(31, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  out(pcall(function(...)  return  end, not 'x')); T[1], b, g1 = g2, (two()), two(10, upv);
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(32, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  out('5', 1); local l1, l2 = true or nil, (num((str((str(nil) .. -1 .. str(3) .. (str(true)))) .. str((num(2) - num(nil))))) + num(not c)); if two((upv or (true or 'x'))) then  else out(b, g1, nil); local l3, l4, l5 = l1, upv, not ((str(false) .. str(7))); end;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(33, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  b = ((T.x and nil)) and '5', (tab({})[2] and (T.x and c)), sel((b ~= not c)); g1, c = two(tab({g2, (num('x') + num(false)), (str(nil) .. -1 .. str(true) .. (str(7)))})[3], (T.x and lt('x', 7))), -1, upv;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(34, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  local f1 = function(p0) out(); return two((0 and false), p0, g2) end; F[#F + 1] = f1; if #F > 20 then F = {} end do local r2 = 0 repeat tick() r2 = r2 + 1 f1, upv = ((not 0 == '5') ~= #{1, 1, 1, two(1,2)}), g1, g2; until r2 > 1 or (str(two(lt(nil, '5'), g1, b)) .. str(b)) end; for i3 = 3, 3 do tick() T.x, g1 = yield(0, (function() return c end)(upv, sel(0.5), upv)); local l4 = 3, g1, 1; end;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(35, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  T[1] = ((two() or ('5' and false)) or (3 == upv)); local c = (function(p0, p1)  end)('5', true and (g2), upv);
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(36, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  if (num(yield()) * num((num(g2) <= num(g1 and b)))) then up, g2 = (str(g1) .. str(b)), (two() and not 10); end; do local w1 = 0 while w1 < 2 and not (two(((false or nil) ~= 7), (num(0) + num(g2)), (str(not '5') .. str(c)))) do tick() w1 = w1 + 1 local l2, l3, l4 = 'x'; end end; out(pcall(function(...) T.x, upv, up = two(tab({(10 == false), g1 or (true), y = (str(3) .. str(2))})[3], upv, (str(g2) .. str(10))), (0 or (('x' and 'x')) == two(tab({[1] = -1, nil})[1], tab({y = -1, [1] = true, true})[1])), upv; a, T[num(c)], g1 = (nil ~= (num((false and false)) >= num((num(7) - num(7))))), (str((two(false))) .. str(g1)); return two((str(true) .. str(0)), two(7), nil) end, (not b and tab({g1, true, ('x' == false)})[1])));
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(37, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  T[1] = (num(c) * num(not g2)); out();
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(38, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  T.x, T[num(b)], up = a; for i1 = 0, 3 do tick() b, T[num(b)] = (num(upv) * num((num(1) >= num(obj:m(10))))); if false then break end end; local l2, l3 = ((tab({z = true, '5', x = 'x'})[2] == (num('5') < num(2))) ~= ((str(nil) .. str(nil)) ~= 7)), 0, c;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(39, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  local l1, l2, l3 = (num(lt(0.5, (false) or 7)) / num(0)); T.x, c = (str(g2) .. str(false)), l3, g2; out(0.5, c);
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(40, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  T[num(a)], g2, up = not ('5'), 7; if (obj:m(b, tab({2, false, z = 'x'})[2])) or a then  else  end; local f1 = function(p0, p1) T.x, g1, p0 = #{1, 1, 1, 5}; return true, sel(p0, a) end; F[#F + 1] = f1; if #F > 20 then F = {} end
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(41, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  upv = (str(c and ((num(-1) - num(10)))) .. str(tab({[2] = ..., 0.5})[1])); do out(); up = (num(up2()) * num(g2)), true, not 10; end;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(42, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  local f1 = function(p0, p1)  return two((true ~= false)) end; F[#F + 1] = f1; if #F > 20 then F = {} end out(f1, (num(lt(c, tab({})[3])) >= num(nil)), 3);
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(43, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  call(F[2], true); out((num(sel(upv, upv, (false and 1))) + num(((num(false) + num(false)) and '5'))));
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(44, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  local b = upv; for i2 = 3, 1 do tick() T.x, b, g1 = a, c; local l3, l4, l5 = not true; local l6, l7 = (num(b) - num(0.5)), a, a; end;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(45, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  c = nil, (true) and g2; local l1 = lt(a, a), g2, b;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(46, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  out(); do local r1 = 0 repeat tick() r1 = r1 + 1 local a, l3, l4 = (two()) or a, ((num(g1 or ('x')) - num((0.5 == 'x'))) or (str(('5') and (10)) .. str(c))); until r1 > 1 or tab({["x"] = nil or a, true, x = select('#', ...), ["x"] = 0})[2] end; if nil then c = (str(two()) .. str(c)); elseif (num((str(not 10) .. str((T.x and 'x')))) + num(nil)) then local c = a; out(((g1 ~= 'x') and c)); end;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(47, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  if b then local l1, l2 = false, (num(c) - num((str(c) .. 7 .. str(c) .. (str(-num(-1)))))); end; b, a = ((str(3) .. str(g2)) or (num(g1) + num(two(3)))); out();
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(48, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  up = (g1 ~= tab({y = true, (num(true) < num('5')), upv})[2]), two(b), lt(c, obj:m(b)); do local w1 = 0 while w1 < 2 and not ((num((false) or b) * num(((true == 1) or g2)))) do tick() w1 = w1 + 1 local l2, l3 = (function() return c end)(nil, tab({upv, x = 10, [1] = b and (false), g2})[2], select('#', ...)); end end;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(49, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  do local r1 = 0 repeat tick() r1 = r1 + 1 T[num(g2)] = two(lt(-num(10), (num(nil) + num(0.5)))), up2(), (num(not (g2)) - num(upv)); until r1 > 1 or two() end; if two(a) then  elseif tab({})[3] then local l2, l3, l4 = (str(upv) .. str(((num(true) <= num(false)) ~= g1))), true, ('x' == ((num(0.5) * num(false)) ~= a)); else local l5, l6, l7 = (str(0.5) .. str(a and c)); end;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(50, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  call(F[1], ((nil and (nil ~= nil))) or 'x'); local l1 = (num(not 0.5) / num(two(g1, not g1))), true, (str((('5' or 'x')) and g2) .. str(0)); local l2 = 10, ((num((two())) > num((7 == '5'))) == sel(b, 'x', 7)), b;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(51, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  for i1 = 1, 2 do tick() local l2, l3, l4 = (str(two(not i1)) .. str((str('5') .. str(7)))); F[#F + 1] = function(...) i1 = two(i1, ...) return i1 end end; for k5, v5 in ipairs({z = not (upv), (tab({[1] = 7, ["x"] = false, 10})[3] and false or c), z = lt((true == true), g2)}) do tick() c = (...), '5'; end; T.x = c;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(52, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  do local w1 = 0 while w1 < 2 and not (a) do tick() w1 = w1 + 1 upv = two(), (str((a ~= (...))) .. str(lt(a or (false), (num(true) < num(1))))); g2, upv, T.x = '5'; end end; if tab({z = g2, [2] = #{1, 1, 1, (two(1,2))}})[2] then upv = 'x'; upv = c; end; upv, g2 = 10 and 10;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(53, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  local c = (function(p0, ...) out(); local b = tab({["x"] = '5', g2, z = lt(g2, c and -1), y = nil})[2]; return two((-1 == false), g1) end)(c or ((true ~= 'x')), 'x'), #{5}, two('x', ((num(10) / num(0.5)) and c), two(upv)); upv, T[num(b)], a = (two((false and false), up2(), c) ~= not 10); for k3, v3 in ipairs({["x"] = tab({})[3]}) do tick() local l4, l5, l6 = g2, ((num(obj:m('x')) - num(yield())) or ((str(0.5) .. str(nil))) or (upv)), (function() return a end)(sel((...))); end;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(54, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  T.x, g2 = g2 or true; for i1 = 1, 2 do tick() T[num(upv)], up = false, g2, lt(false, up2()); i1, upv, T.x = 10; a = b and 'x', ((num(false) > num(-num(false))) and false); F[#F + 1] = function(...) i1 = two(i1, ...) return i1 end end;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(55, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  do local r1 = 0 repeat tick() r1 = r1 + 1 b, g2, a = (num((false) or c) > num(obj:m())), (tab({x = select('#', ...), (num(2) - num(true)), 'x'})[2] and lt(tab({[2] = nil, true, z = nil, z = 'x'})[3], upv)), two(not g1); local l2, l3, l4 = lt(b, (obj:m() or (T.x and 0.5))), true, upv; until r1 > 1 or not a end; upv = not c, nil;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(56, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  up, g2, T.x = (g1 or ((true and false) or nil)); g2 = c; local b, l2, l3 = (3) or upv, true;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(57, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  if (c == (function(p0) local p0, l2 = two(g2, false), (a == a), tab({c}).x; end)(obj:m(nil, 3), 3, (num(10) >= num(1)))) then local a, l4, l5 = (10 ~= '5'), upv; elseif 1 then out(); local l6, l7, l8 = up1(), two(), '5'; else  end; local f9 = function(p0) out((T.x and (1 and (true)) and (g1))); upv, g1 = (str((num((-1 ~= '5')) < num((true) and false))) .. str(0)), (((nil == 'x') ~= lt(true, 2)) and lt(p0, up2())), #{1, 1, 1, 1, 5}; return (num(true) > num(two())), p0 end; F[#F + 1] = f9; if #F > 20 then F = {} end b = tab({}).x, (two() and b), (lt(f9, lt(0.5, 0.5)) and 0);
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(58, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  if (num(lt(c, 10)) - num(((str(true) .. -1 .. str(0.5) .. (str('x'))) or (num(true) <= num(false))))) then  else out(); end; upv = (...), (T.x and (num(g2) > num((2 and 10)))), (-1 ~= (num(g2) + num('x')));
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(59, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  if (tab({lt(false, '5'), (1 and false), -1})[3] == true) then upv = tab({upv, two((nil or 10), b), 3, [1] = two(not (false), two('5', -1), (0.5 ~= true))})[1], 0; elseif (lt(upv, two())) and true then local l1 = (T.x and (str(b) .. str(2))); local l2, l3 = nil, #{(two(1,2))}, b; end; for k4, v4 in ipairs({upv, lt(a, (0 == true))}) do tick() T.x, b = sel(); end; local f5 = function(p0, p1, ...) local l6, l7, l8 = (true or g2); return two((1 and 2), two(2), (0 == nil)) end; F[#F + 1] = f5; if #F > 20 then F = {} end
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(60, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  if (str((num(upv) / num(('x' and 0.5)))) .. str((b ~= g2))) then  elseif obj:m((not upv or sel())) then T.x, a = yield(a, ((10 or false) ~= 0), (num(lt(7, 0)) - num(tab({[2] = true, [2] = 1, ["x"] = nil})[3]))), (function() return c end)(), (num(tab({})[2]) - num(select('#', ...))); upv = (num(two((T.x and nil), true, #{1, 1, 1, 1, two(1,2)})) / num((str(c and (1)) .. str((two(false)))))), (num((upv and c)) / num(not a)), ((yield(nil, 7, 0) == (num(0) >= num(2))) ~= ('5' and ('5' and 1))); else local l1, l2, l3 = tab({}).x, 'x', tab({[1] = -num(c)})[2]; end; out(obj:m((function(p0, ...)  end)(a or 'x', g1, (3 or 1)), not g1), false); for i4 = 3, 3 do tick() local a = lt(a, not ((3 == 2))), (((num(1) - num(nil))) and -1 and 1); T[num(b)], b, T[num(a)] = true, ((num(not (false)) + num(true and g2)) and lt((str(2) .. str(false)), g1)); F[#F + 1] = function(...) i4 = two(i4, ...) return i4 end end;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(61, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  out('5' or 0.5); do local r1 = 0 repeat tick() r1 = r1 + 1 T.x, up = tab({})[3], 'x', (num((false == upv)) / num(two(('5' or 7), g2, upv or 1))); out(b, (str(b) .. str(tab({(num('x') / num(0)), [1] = (2 ~= -1), (7 ~= 7), [2] = 3})[2])), (lt(b, upv)) and ((up1() ~= c))); until r1 > 1 or (num((b and g1)) / num((obj:m('5') == two(0.5, '5', 2)))) end;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(62, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  if two(g2) then out(); end; b = lt((num(c) - num(('5' or true))), 'x'); if (num((num(tab({}).x) - num('x' or c))) * num(false)) then local l1 = (str(two(upv, upv, ...)) .. str(0)), (upv ~= 1), (str(((T.x and 2) ~= (num(false) * num(10)))) .. str(obj:m(1))); elseif '5' then out(); out(('5' ~= (('5') or upv and not c)), true); end;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(63, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  out((((true == 'x') ~= tab({})[2]) ~= (str((-1) or (nil)) .. str(b))), b); local f1 = function(...) local l2, l3 = a, ('5' or (two(false, tab({x = 2, [1] = 0.5})[2]))), (upv or 'x'); b = g1, b; return not (b) end; F[#F + 1] = f1; if #F > 20 then F = {} end
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(64, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  for k1, v1 in ipairs({}) do tick() T[1], up = g1; end; if true then local c, l3 = 0.5, 7; out(); elseif (num('5') * num((str(a) .. str(false)))) then out(g2, upv or (yield(7, true))); T.x, b, upv = g2, (num((str(false) .. 0.5 .. str(g1 and 'x') .. (str(upv)))) / num((num(tab({["x"] = nil, z = 'x', z = false, false}).x) > num(0)))), (num(not 2) >= num(two((nil and true), select('#', ...), (false and false)))); end;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(65, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  local l1, l2, l3 = g2, (num(lt(true, ('5' or '5'))) + num(false)); out(tab({x = (not 'x' ~= (str(true) .. str(false))), ((false) or (7) and (false == 10)), x = true, ((-1 ~= nil) or l2)}).x); l2 = 0;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(66, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  out(g2, g1); upv = (num(upv) - num((g1 == g1)));
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(67, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  local l1, l2 = g2, (b and (c or false)), ((... or up2()) and upv); local c = #{(two(1,2))}, g2, (num('5') * num(not (lt(false, false)))); if (b and (10 or (1) ~= (num('x') >= num(0)))) then T[1] = (tab({('x' or nil), [1] = tab({nil, 'x', y = false})[3], (num(true) / num(3))})[1]) and (sel()); else local c, l5 = ((num((num(false) < num('5'))) - num(not (false))) or #{1, 1, 1, 1, two(1,2)}), (num((b and (true and 'x'))) * num(0.5)), not ((not ('x') or true and true)); local l6, l7 = two((num((str(0) .. str(false))) / num((num(1) * num('x')))), tab({[1] = (0.5 or 0.5), two(0.5), b, (num('5') * num(nil))}).x), up2(); end;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(68, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  b = b; for i1 = 1, 1 do tick() local l2, l3 = 0.5, tab({})[2], (num((not '5' == (0 == 'x'))) >= num(10)); out((... or (num((str(nil) .. str(nil))) - num(g1)))); F[#F + 1] = function(...) i1 = two(i1, ...) return i1 end end; out((num((not a ~= (true and true))) > num(upv)), g2);
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(69, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  do local r1 = 0 repeat tick() r1 = r1 + 1 T.x = upv, two(g1, ((num(nil) <= num(1)) and a)); out(a, two(('5') or 'x'), not true); until r1 > 1 or 7 end; if false then  end; T[num(c)] = (num((function(p0, p1, ...)  return  end)((str(0.5) .. str(3)))) >= num(c)), 3, not (yield((function(p0, p1) local a, l3 = two(p1, (b and (str(nil) .. str(nil))), 1); T[num(a)], T[1] = '5', (num(p1) + num(a)), tab({y = (num(nil) * num(tab({})[2])), two(upv, (3) or g2), (str('5') .. str((3 or 3)))})[3]; return  end)(true), (3 ~= 0.5)));
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(70, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  do local r1 = 0 repeat tick() r1 = r1 + 1 g1 = not (-num(not g1)); until r1 > 1 or false end; do local r2 = 0 repeat tick() r2 = r2 + 1 out(not (yield()), g2, (not nil ~= a)); T.x = upv, 0 and (lt(two(0.5), upv)), (a and (T.x and (false and 'x'))); until r2 > 1 or not a end; out(upv, (str(upv) .. 3 .. str((num((num(false) > num(nil))) * num((-1 or 10)))) .. (str((false ~= tab({true})[3])))), (false ~= (two())));
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(71, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  out(pcall(function(p0, p1, ...) out((num(tab({})[3]) <= num(((str(2) .. str(true)) == (true ~= 3)))), 2, false); local p1 = select('#', ...); end, tab({(str((10 == true)) .. str((nil or 2))), (str(c) .. str(not 1))})[2])); upv, T[1] = upv;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(72, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  out(((num(not false) * num(-1)) or 7), (num(nil) + num(1)), (str('5' and false) .. 0 .. str(tab({[2] = false, ["x"] = (num(true) - num('x')), nil})[1]) .. (str(c)))); T[num(g1)], upv = 3 and ('5'), (num(yield()) >= num((str(...) .. str((2 ~= -1))))), -num((0.5 or not g2)); local c, l5, l6 = 'x', b and 10, two();
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(73, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  for k1, v1 in ipairs({(upv and two()), (2 == (-1 == '5'))}) do tick() local l2, l3 = a, (num(c) + num((num(g1) - num((str(3) .. str(10)))))), two((num((1 or 'x')) > num((num(7) < num(10)))), not 'x'); end; T[1] = 'x', tab({})[2], g2;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(74, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  call(F[1], (num((num(g1) / num('5'))) / num(1))); out(nil, '5'); local l1, l2, l3 = not a;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(75, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  local l1, l2, l3 = (str(g2 or ((0.5) or g1)) .. 0 .. str(g1 or g1) .. (str(7))); call(F[1], (str(not (l1 or 'x')) .. str(g2))); out(b, nil, (l2 and nil));
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(76, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  T.x = nil or 'x', two((a and (str(10) .. str(3)))), upv; local a = #{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 5};
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(77, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  upv, T.x = true and c; if g1 then T.x, T[num(upv)] = (num((lt(0, -1) ~= (...))) / num(not -1)), lt((tab({z = '5', z = 0.5, '5', false})[2] == (num(10) / num(2))), not (two(true))), lt((yield(0, 3, false) and true), a); local l1, l2, l3 = false, (num(((3 and true) and 2)) * num(('x' ~= b))); elseif false then out(c, upv); up = nil or c; end;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(78, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  local l1, l2, l3 = lt(upv, 3), ('x' == two()), yield(g1, 'x', g2); local f4 = function(p0, p1, ...) T[num(g1)] = l1, lt(a, upv), not (l1); local l5, l6, l7 = -num(g2), 'x'; return  end; F[#F + 1] = f4; if #F > 20 then F = {} end
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(79, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  if 'x' then T.x, g2, T[1] = g2, g2, tab({b})[3]; end; local l1, l2, l3 = obj:m((function(p0, p1)  return (0 and false), g1 end)(), #{1, 5}), (c == 7), c; for i4 = 1, 1 do tick() T[num(l3)], T.x = tab({["x"] = (l1 ~= g1)})[2]; out(); F[#F + 1] = function(...) i4 = two(i4, ...) return i4 end end;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(80, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  for i1 = 3, -1, -1 do tick() upv = (upv and (g1 == sel(-1, 7, -1))); g2, upv = not b; if 2 and 'x' then break end F[#F + 1] = function(...) i1 = two(i1, ...) return i1 end end; g2, upv = (((true and 0.5) and a) ~= (num(not ('5')) + num(g2))), c, lt((num((str(7) .. 0 .. str(0.5) .. (str(false)))) >= num((num(nil) - num(10)))), (3 == g2)); out(('x' == false), c, (num(true) >= num((0 or (1) or (str(nil) .. str(false))))));
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(81, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  up = (num(false) * num(not c)), (two(not a, not '5', b)); local b, l2, l3 = (num(sel()) - num((10 and true))), g2;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(82, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  if true then out(obj:m(-1, (0.5 or 1 or g1))); end; do local r1 = 0 repeat tick() r1 = r1 + 1 a, T.x = two(g1 or -1), (num(obj:m(c)) > num(((num(nil) + num('x')) and a))), lt(c, 0); until r1 > 1 or (g2 and '5' ~= (c and g1)) end; if 7 then local l2, l3 = (num('5') - num(false)); upv = b; end;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(83, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  if true then local l1 = g2, (str((g1 or upv)) .. str(g2)), tab({x = 'x'})[2]; local l2, l3 = false; end; for i4 = 1, -1, -1 do tick() local l5, l6, l7 = b, (g2 or tab({y = c})[1]); out(a, (num(lt(l7, g2)) - num(nil or 0)), not (l5 and g1)); end; if (num((tab({[1] = 2})[1] == a)) + num(c)) then out(); elseif tab({z = (num(not nil) > num(3)), [1] = false})[2] then  end;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(84, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  do local r1 = 0 repeat tick() r1 = r1 + 1 local l2, l3, l4 = 'x', g2; until r1 > 1 or ((('5' ~= 'x') and b) ~= true) end; do local c = (num(c and (upv)) - num(two(nil, '5', 7))), a, (num(lt(tab({false})[3], (str(nil) .. 3 .. str('5') .. (str(2))))) < num('5')); upv, up, T[1] = (c == (not (true) or ('5' and 'x'))); end; local l6, l7, l8 = (g1 or false and (num(upv or b) >= num((str('x') .. str(true)))));
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(85, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  if a then out((num(not (two(nil))) * num(tab({(num(true) / num('x')), z = a, ["x"] = (true or 'x')})[2])), ((not 0 ~= 7) and (two(g1, a))), true); T[num(c)], up = sel(two(), false, (lt(true, 'x') == ...)); end; for k1, v1 in ipairs({["x"] = (num((2 == true)) * num(true)), b, upv}) do tick() out(g2, 0); end;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(86, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  do local w1 = 0 while w1 < 2 and not (c) do tick() w1 = w1 + 1 local l2, l3 = upv, nil or upv; local l3, l5, l6 = not 0; end end; if (a == (num(select('#', ...)) > num(b))) then out('5'); elseif lt('x', upv) then  else T[num(g1)] = (((0.5 ~= -1) or false) == select('#', ...)), g2; end; out(pcall(function(p0, ...) local a, l8, l9 = 'x', g1, (a) and nil; return tab({g2, (nil and 'x')})[3] end, g2));
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(87, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  T[num(upv)], T.x, upv = (b and sel(false)); for k1, v1 in ipairs({(two((0) or g1)), nil, g2}) do tick() upv = 'x', upv; end;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(88, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  upv = (#{(two(1,2))} == (num((2 ~= 'x')) > num(('5' == false)))); for k1, v1 in ipairs({}) do tick() T[1], b = 10, yield(g1), -1; end; T[1] = true, (T.x and (str(-1) .. str(true))), (str((num('x') - num('x'))) .. str(c));
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(89, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  if '5' then a = ('x' ~= (upv or (nil) or a)), g1, (3 ~= (str(g1) .. 1 .. str(#{two(1,2)}) .. (str(obj:m())))); T.x, T[1], up = ..., not ('5'), g2 and (g1); elseif 1 then out((num((false and obj:m('5', true, false))) - num(#{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, (two(1,2))})), g1, g2); end; a = 'x'; local f1 = function() out(); return (T.x and b) end; F[#F + 1] = f1; if #F > 20 then F = {} end
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(90, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  for k1, v1 in ipairs({z = g1 or true, -num('5')}) do tick() local l2, l3, l4 = up2(), (lt('5', tab({})[1]) and 'x'); end; T.x, T[1] = false, (num(tab({})[3]) + num(up2())); local b = (str(lt((num(true) / num(nil)), b)) .. str(((two(2, '5', true)) ~= ('x' ~= false))));
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(91, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  do local w1 = 0 while w1 < 2 and not (tab({((true or '5') == b)})[1]) do tick() w1 = w1 + 1 local l2 = a; end end; for k3, v3 in ipairs({lt((...), 'x' and -1), y = true}) do tick() b = '5', 1 or ((g1 == (str(-1) .. str(7)))), (num(obj:m()) + num(tab({["x"] = v3})[3])); local l4, l5, l6 = (two(c, not v3, v3)); end;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(92, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  if true then T[num(g2)], a = (c ~= nil), (lt((str(0.5) .. str('x')), (false == false)) and upv), a; local l1, l2 = yield(); end; if yield(7, 0, #{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 5}) then  else up = tab({["x"] = '5'})[2], 1 and upv; T.x, g2 = false, (...), (((str(1) .. str(-1)) and 'x') and 10); end;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(93, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  b = 7 or nil, (str(true) .. str(1)); upv, up = upv; do local w1 = 0 while w1 < 2 and not ((num((num(nil) < num((3 or 3)))) * num(tab({})[3]))) do tick() w1 = w1 + 1 out(tab({})[3]); end end;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(94, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  out(g2, (3 or upv ~= g2 and true), (str((tab({})[3] and nil)) .. str((str(b) .. str((nil) and '5'))))); T.x, up = 7, (true or c); local a = c, up2();
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(95, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  for i1 = 1, 3 do tick() local l2, l3 = obj:m((b == tab({["x"] = nil, y = nil, nil})[1]), tab({y = lt('5', 10), y = (true ~= false)}).x, 0.5), false; out(); if g2 and ((num(g2) < num((str(false) .. str(7))))) then break end end; out(pcall(function(p0, p1, ...)  return '5' end, (nil) or (upv)));
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(96, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  local l1 = c, '5'; do local r2 = 0 repeat tick() r2 = r2 + 1 b, T[num(a)], up = (two()), a; local l1, l4 = two(two((num('5') > num(10)), g2, false)); until r2 > 1 or (2 == sel()) end;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(97, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  if not (two((num('x') <= num(7)), g2)) then out((false) or b); b, T[num(g1)] = 'x', b, a; else local b, l2, l3 = (b ~= (str((num(10) + num(nil))) .. str((0 and nil)))), b; end; for i4 = 3, 3 do tick() out((two())); out(3); T.x = tab({z = ((num(nil) > num(3)) == '5'), ["x"] = g1, (str('5') .. str(c))})[2]; end;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(98, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  do local r1 = 0 repeat tick() r1 = r1 + 1 out(); T.x, up, c = (num(b) + num((b == (function() return b end)()))); until r1 > 1 or c end; local b = (num(lt(tab({false, [1] = 'x'})[3], g1)) < num(a)), g2 or '5'; T[num(c)] = b;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(99, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  local a = tab({}).x, (nil) or false; T[1] = tab({obj:m(7, (true == true), 2)})[1]; do local r2 = 0 repeat tick() r2 = r2 + 1 local l3, l4, l5 = tab({})[3], (num(tab({(0.5 and false), (str(true) .. str('x')), [1] = false, ["x"] = (nil or '5')})[3]) < num((up1() and b))); until r2 > 1 or up1() end;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(100, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  upv, up = a, (true and -num(g2)), nil; T[num(g1)], T.x = 0.5; do local w1 = 0 while w1 < 2 and not (a) do tick() w1 = w1 + 1 T.x = obj:m(g1, tab({[1] = (num('x') - num(false))})[2], ((0.5 ~= 2)) and upv), (num((g2 == (true == true))) + num(true)), (str(g2) .. str((true and b ~= false))); end end;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(101, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  out(); if (0.5 or (('5' or false)) and b) then local l1, l2, l3 = g1, 2; elseif c then  else T.x = upv, (str((num(nil) + num((num(-1) / num('x'))))) .. 1 .. str('x') .. (str(false))); end; c, b = 10, false, #{(two(1,2))};
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(102, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  out((g2 == nil), lt((str(g2) .. str(g1 and true)), tab({'x', c, b, tab({0, false, false, 0.5})[1]})[3])); call(F[#F], g2); do local w1 = 0 while w1 < 2 and not ('x') do tick() w1 = w1 + 1 a = ...; end end;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(103, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  if 1 then out('5', ..., (num(((str('5') .. 0.5 .. str(-1) .. (str('x'))) or (str(0) .. str('x')))) * num((num(obj:m('5', nil, 'x')) / num(two('x', 3, 1)))))); end; for i1 = 3, -1, -1 do tick() T[1] = c, upv, (num(i1) * num((two()))); local i1, l3 = up2(), (i1 == 'x'); F[#F + 1] = function(...) i1 = two(i1, ...) return i1 end end;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(104, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  do local w1 = 0 while w1 < 2 and not (tab({})[1]) do tick() w1 = w1 + 1 b = g1; end end; call(F[1], (g1) and (a)); if tab({})[2] then local l2, l3 = two(((num(-1) <= num(2)) or c), (('x' and 0) or -1)), 'x'; else  end;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(105, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  local a = tab({tab({(7 or '5'), y = up1(), g2})[3], ((T.x and 10) and g2), (str((num('5') + num(1))) .. str(upv))})[2]; out(((upv and (num(3) * num(nil))) ~= c), ((two(not a, (two(-1, 0.5)), upv)) ~= ((T.x and 0.5)) and 3), lt(b, upv));
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(106, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  if two() then T[1] = (T.x and #{1, 1, 1, 1, two(1,2)}), b; up = (b and ((num(-1) > num('x')) or (num('5') + num('5')))); else  end; do out(); end; local b, l2, l3 = a;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(107, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  do local r1 = 0 repeat tick() r1 = r1 + 1 T[num(a)], up = not 3, (a) and upv, (num(b) / num(upv)); T[1], b = (str((num((2 or true)) + num((num(3) * num(10))))) .. str((0 or not ('x')))); until r1 > 1 or (10 ~= (str(nil or '5') .. str(not (nil)))) end; for k2, v2 in ipairs({[2] = a, g2, [2] = tab({})[1], (upv == ('5') and b)}) do tick() local l3, l4, l5 = 3, two(not upv, v2 and 3); out(#{1, 1, 1, 1, (two(1,2))}, upv, g2); end; out(pcall(function() local l6, l7 = (num(b) / num(obj:m(two(true, '5'), not (7), not ('5')))), (str(10) .. str(a)), (T.x and two((false and true), c, (num(1) + num('5')))); return yield((nil ~= -1)) end, -num((b == g2))));
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(108, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
do buf, ticks, depth, T, F = {}, 0, 0, {}, {} g1, g2 = nil, 1
 local ok, e, r = pcall(function() local co = coroutine.wrap(function(...) local a, b, c = 1, "two", nil
  local l1, l2, l3 = (num('5') + num(tab({})[1])), tab({a}).x, '5'; T[num(a)], upv, T[num(g2)] = two(nil), obj:m((sel('x', nil, nil) and nil), two()), b; if (str(l1) .. str(true and false)) then  elseif upv then local l4, l5, l6 = (num(lt(a, two(-1, 0))) + num(nil)), (T.x and false), (str((('x' and '5') or (true and true))) .. str(...)); end;
  out(a, b, c, g1, g2, upv, up) return "DONE" end) local n, v = 0, co(4, nil, "v") while v ~= "DONE" and n < 50 do n = n + 1 out("y", v) v = co(n, v) end end)
 say(109, ok, (table.concat(buf, ";"):gsub("%-nan", "nan"))) end
