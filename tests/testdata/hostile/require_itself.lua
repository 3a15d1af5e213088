-- limits: ; ends: error "no module"
require "require_itself"
