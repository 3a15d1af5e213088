-- limits: ; ends: exit 3
local hud = require "hud"
hud.spawn(function() os.exit(3) end)
hud.sleep(3600)
