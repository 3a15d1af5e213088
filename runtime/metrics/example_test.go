package metrics_test

import (
	"fmt"
	"os"

	"github.com/hudrl/hudrl/runtime/metrics"
)

func ExampleLog() {
	log := metrics.New(metrics.NewColumns(os.Stdout))
	for step := 1; step <= 3; step++ {
		err := log.Add(metrics.Row{Step: step, Values: []metrics.Value{{Name: "reward", Value: float64(step) / 8}}})
		if err != nil {
			panic(err)
		}
	}
	fmt.Println(log.Series("reward"))
	// Output:
	// step     1  reward  0.125
	// step     2  reward   0.25
	// step     3  reward  0.375
	// [0.125 0.25 0.375]
}
