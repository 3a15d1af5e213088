-- limits: ; ends: syntax "reserved"
local concat = "\0hudrl.concat"
concat({}, 5e7, 1)
