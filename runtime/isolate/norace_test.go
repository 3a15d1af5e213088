//go:build !race

package isolate_test

const racing = false
