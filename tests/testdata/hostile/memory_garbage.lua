-- limits: steps=1e6 heap=1e9; ends: ok "done"
for i = 1, 2e4 do local t = {} t[1000] = 1 end
print("done")
