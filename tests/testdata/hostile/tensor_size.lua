-- limits: ; ends: error "tensor"
require("hud").tensor.zeros(1e5, 1e5)
