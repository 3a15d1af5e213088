package runtime

import (
	"regexp"
	"strconv"
	"strings"
)

// traceLine is a line of gopher-lua's traceback.
var traceLine = regexp.MustCompile(`(?m)^\t(.+):(\d+): in (.*)$`)

// traceTop is the innermost position of a gopher-lua traceback.
func traceTop(trace string) (source string, line int) {
	m := traceLine.FindStringSubmatch(trace)
	if m == nil {
		return "", 0
	}
	line, _ = strconv.Atoi(m[2])
	return m[1], line
}

// cleanTrace keeps the Lua lines of a gopher-lua traceback.
func cleanTrace(trace string) string {
	var out []string
	for _, m := range traceLine.FindAllStringSubmatch(trace, -1) {
		name := m[3]
		switch {
		case strings.HasSuffix(name, ":0>"):
			name = "main chunk"
		case name == "corountine": // as gopher-lua spells it
			name = "coroutine"
		}
		out = append(out, m[1]+":"+m[2]+": in "+strings.ReplaceAll(name, "'", ""))
	}
	return strings.Join(out, "\n")
}

func splitTrace(trace string) []string {
	if trace == "" {
		return nil
	}
	return strings.Split(trace, "\n")
}

// splitPosition takes "train.lua:3: text" apart when train.lua is a chunk
// that this VM has loaded.
func (vm *VM) splitPosition(s string) (source string, line int, rest string, ok bool) {
	for from := 0; ; {
		i := strings.IndexByte(s[from:], ':')
		if i < 0 {
			return "", 0, "", false
		}
		i += from
		if vm.sources[s[:i]] != nil {
			digits := s[i+1:]
			if j := strings.IndexByte(digits, ':'); j > 0 {
				if n, err := strconv.Atoi(digits[:j]); err == nil {
					return s[:i], n, strings.TrimPrefix(digits[j+1:], " "), true
				}
			}
		}
		from = i + 1
	}
}

// sourceLine is a line of a chunk that this VM has loaded.
func (vm *VM) sourceLine(source string, line int) string {
	text := vm.sources[source]
	if text == nil || line < 1 {
		return ""
	}
	return lineOf(*text, line)
}
