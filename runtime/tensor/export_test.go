package tensor

// Eager makes an allocator whose operations run at once, one by one: what the
// late ones are compared with.
func Eager() *Allocator { return &Allocator{eager: true, own: true} }

// Late makes one whose operations wait, otherwise like it.
func Late() *Allocator { return &Allocator{own: true} }

// WithNumber is operation i of the tests' list, with a number.
func WithNumber(i int, x *Tensor, v float64) *Tensor {
	ops := []*elem{opAdd, opSub, opMul, opDiv, opPow, opMinimum, opMaximum, opEq, opNe, opLt, opLe, opGt, opGe, opLand, opLor,
		opAdd, opSub, opMul, opDiv, opMul, opAdd}
	return ops[i].with(x, v)
}
