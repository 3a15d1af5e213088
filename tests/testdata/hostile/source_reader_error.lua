-- limits: ; ends: error "from the reader"
load(function() error("from the reader") end)
