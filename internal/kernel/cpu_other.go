//go:build !amd64 || purego

package kernel

// active is a constant here, so that the compiler drops every other implementation.
const active = levelGo
