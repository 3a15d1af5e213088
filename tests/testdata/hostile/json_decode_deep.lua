-- limits: string=4e6; ends: error "nested deeper than 200"
require("hud").json.decode(("["):rep(1e6))
