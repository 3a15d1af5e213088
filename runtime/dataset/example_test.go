package dataset_test

import (
	"bytes"
	"context"
	"fmt"

	"github.com/hudrl/hudrl/runtime/dataset"
)

// Two records at a time, in an order that follows from the seed.
func ExampleLines_Read() {
	text := []byte("{\"n\": 1}\n{\"n\": 2}\n{\"n\": 3}\n")
	lines, err := dataset.New(dataset.File{Name: "train.jsonl", Open: func() (dataset.Handle, dataset.Stamp, error) {
		return memory{bytes.NewReader(text)}, dataset.Stamp{Size: int64(len(text))}, nil
	}})
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	n, err := lines.Len(ctx)
	if err != nil {
		panic(err)
	}
	order := dataset.Order{N: n, Batch: 2, Shuffle: true, Seed: 1}
	for k := range order.PerPass() {
		numbers, err := order.Of(ctx, k, nil)
		if err != nil {
			panic(err)
		}
		records, err := lines.Read(ctx, numbers)
		if err != nil {
			panic(err)
		}
		for _, r := range records {
			fmt.Printf("%d %s\n", k, r.Text)
		}
	}
	// Output:
	// 0 {"n": 3}
	// 0 {"n": 2}
	// 1 {"n": 1}
}
