//go:build !unix

package fs_test

import "errors"

func pipe(string) error { return errors.New("no named pipes in the file system") }
