//go:build race

package isolate_test

// racing: the race detector's own memory is no limit's business.
const racing = true
