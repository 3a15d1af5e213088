//go:build unix

package fs_test

import "syscall"

func pipe(name string) error { return syscall.Mkfifo(name, 0o666) }
