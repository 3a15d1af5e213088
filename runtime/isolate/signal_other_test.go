//go:build !unix

package isolate_test

import "os"

func stopMyself() { select {} }

func killMyself() { os.Exit(1) }
