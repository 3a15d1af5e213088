-- limits: ; ends: error "call depth"
src = "return 1 + loadstring(src)()"
return loadstring(src)()
