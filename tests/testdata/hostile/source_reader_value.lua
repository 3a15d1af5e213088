-- limits: ; ends: ok "nil	load: the reader must return a string or nil: got table"
print(load(function() return {} end))
