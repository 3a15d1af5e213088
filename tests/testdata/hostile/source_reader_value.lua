-- limits: ; ends: error "the reader's result: got table"
load(function() return {} end)
