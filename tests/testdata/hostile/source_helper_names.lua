-- limits: ; ends: syntax "reserved"
local store = "\0hudrl.store"
store({}, 5e7, 1)
