-- limits: ; ends: ok "0.0001 100000 inf nil nil 255 10"
print(tostring(tonumber "1e-4") .. " " .. tostring(tonumber "1e5") .. " " .. tostring(tonumber "inf") .. " " .. tostring(tonumber "1_000")
	.. " " .. tostring(tonumber "0b11") .. " " .. tostring(tonumber "0xff") .. " " .. tostring(tonumber " 10 "))
