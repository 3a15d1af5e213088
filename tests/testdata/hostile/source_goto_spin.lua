-- limits: steps=1e5; ends: limit steps
::top::
goto top
