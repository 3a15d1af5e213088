package tensor

import "slices"

// store makes a late value of the program one that is kept.
func (p *program) store(v int32, c *cell) {
	if p.vals[v].kind == inRegister {
		p.vals[v] = val{kind: inMemory, truth: p.vals[v].truth, c: c}
		p.outs = append(p.outs, v)
	}
	p.vals[v].must = true
}

// furnish gives memory to the values that are kept: first where it is a must.
// The others are not kept where a limit is near; they will be computed again.
func (p *program) furnish(op string, a *Allocator) error {
	for _, i := range p.outs {
		if v := &p.vals[i]; v.must {
			var err error
			if v.data, err = a.unset(op, p.n); err != nil {
				return err
			}
		}
	}
	p.outs = slices.DeleteFunc(p.outs, func(i int32) bool {
		v := &p.vals[i]
		if v.data == nil {
			v.data = a.spare(p.n)
		}
		if v.data != nil {
			return false
		}
		v.kind, v.reg, v.c = inRegister, -1, nil
		return true
	})
	return nil
}

// keep hands what was computed to the cells it is for.
func (p *program) keep() {
	for _, i := range p.outs {
		if v := &p.vals[i]; v.c.late != nil {
			v.c.done(v.data)
		}
	}
}
