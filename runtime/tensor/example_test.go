package tensor_test

import (
	"fmt"

	"github.com/hudrl/hudrl/runtime/tensor"
)

// A formula and its gradient. A failed operation is told at the end of the chain.
func Example() {
	x := tensor.From([]float32{0, 1, 2}, 3).RequireGrad()
	loss := x.Square().Mul(tensor.Scalar(2)).Sum()
	fmt.Println(loss.Item())
	if err := loss.Backward(); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(x.Grad().Data()) // 4·x

	_, err := x.Add(tensor.From([]float32{1, 2}, 2)).Exp().Sum().Item()
	fmt.Println(err)
	// Output:
	// 10 <nil>
	// [0 4 8]
	// add: shapes [3] and [2] do not broadcast
}
