-- limits: ; ends: ok "nil	source_reader_error.lua:2: from the reader"
print(load(function() error("from the reader") end))
