-- limits: string=2e7 steps=1e7; ends: error "string size"
return os.date(("%c"):rep(8e6))
