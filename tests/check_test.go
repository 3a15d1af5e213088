package tests

import (
	"encoding/json"
	"testing"

	"github.com/hudrl/hudrl/runtime/check"
)

func TestCheckCommand(t *testing.T) {
	t.Parallel()
	p := program{dir: t.TempDir()}
	write(t, p.dir, "good.lua", "local hud = require 'hud'\nprint(hud.now())\n")
	write(t, p.dir, "bad.lua", "local hud = require 'hud'\nprint(hud.Agnt('m'))\n")
	write(t, p.dir, "broken.lua", "local x = \n")

	p.run(t, "check", "good.lua").want(t, 0, []string{"1 file: nothing found\n"}, nil)
	p.run(t, "check", "good.lua", "bad.lua").want(t, 5, []string{
		"bad.lua:2: hud has no Agnt\n  2 | print(hud.Agnt('m'))\n  hint: did you mean Agent?\n"}, nil)
	p.run(t, "check", ".").want(t, 5, []string{"bad.lua:2: ", "broken.lua:2: the text ends too early"}, nil)
	program{stdin: "print(x)"}.run(t, "check", "-").want(t, 5, []string{"stdin:1: undefined global x"}, nil)
	p.run(t, "check").want(t, 2, nil, []string{"hudrl check: missing FILE"})
	p.run(t, "check", "nothing.lua").want(t, 2, nil, []string{"cannot read nothing.lua: no such file"})
	p.run(t, "check", "nothing").want(t, 2, nil, []string{"cannot read nothing: no such file"})
	program{dir: t.TempDir()}.run(t, "check", ".").want(t, 2, nil, []string{"no Lua files in ."})

	var found []check.Problem
	r := p.run(t, "check", "--json", "bad.lua")
	if err := json.Unmarshal([]byte(r.out), &found); err != nil || r.code != 5 || len(found) != 1 || found[0].Line != 2 || found[0].Rule != check.Name {
		t.Errorf("got exit %d, %+v, %v", r.code, found, err)
	}
}
