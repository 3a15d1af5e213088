-- limits: ; ends: syntax "no visible label"
goto nowhere
