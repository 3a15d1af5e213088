package check

import (
	"strings"

	"github.com/yuin/gopher-lua/ast"
)

// standardMember is what is known of a name of Lua's own libraries.
func standardMember(lib, name string) *typ {
	gives := func(types ...*typ) *typ { return &typ{kind: function, returns: types} }
	switch lib {
	case "math":
		switch name {
		case "huge", "pi":
			return aNumber
		case "modf", "frexp":
			return gives(aNumber, aNumber)
		case "randomseed":
			return anything
		}
		return gives(aNumber)
	case "string":
		switch name {
		case "format", "rep", "sub", "upper", "lower", "reverse", "char":
			return gives(aString)
		case "gsub":
			return gives(aString, aNumber)
		case "len":
			return gives(aNumber)
		}
	case "table":
		if name == "concat" {
			return gives(aString)
		}
	case "os":
		if name == "clock" {
			return gives(aNumber)
		}
	}
	return anything
}

// ofStandard reports whether a call is one of Lua's own libraries.
func (c *checker) ofStandard(e *ast.FuncCallExpr) bool {
	lib, _ := c.standardName(e)
	return lib != ""
}

// standardName is what a call calls: math and floor, "" when it is nothing of Lua's own.
func (c *checker) standardName(e *ast.FuncCallExpr) (lib, name string) {
	if e.Func == nil {
		if c.quiet(e.Receiver).is1("string") {
			return "string", e.Method
		}
		if _, ok := e.Receiver.(*ast.StringExpr); ok {
			return "string", e.Method
		}
		return "", ""
	}
	get, ok := e.Func.(*ast.AttrGetExpr)
	if !ok {
		return "", ""
	}
	object, isName := get.Object.(*ast.IdentExpr)
	key, isText := get.Key.(*ast.StringExpr)
	if !isName || !isText || c.library[object.Value] == nil || c.find(object.Value) != nil {
		return "", ""
	}
	if g := c.globals[object.Value]; g == nil || !g.standard || g.writes > 0 {
		return "", ""
	}
	return object.Value, key.Value
}

// ofTensors are the functions of math that tensors have by another name.
var ofTensors = map[string]string{"max": "maximum", "min": "minimum", "ceil": "", "fmod": "", "random": ""}

// withStandard reports tensors where Lua's own libraries want something else.
func (c *checker) withStandard(e *ast.FuncCallExpr, types []*typ) {
	lib, name := c.standardName(e)
	for i, t := range types {
		if !t.is("tensor") || t.maybe {
			continue
		}
		switch {
		case lib == "math":
			method, other := ofTensors[name]
			if !other {
				method = name
			}
			hint := "t:item() is the number of a tensor of one element"
			if _, ok := c.lib.entries["tensor."+method]; ok || other && method != "" {
				hint = "write t:" + method + "(…), or math." + name + " of t:item()"
			}
			c.report(e.Line(), Tensor, hint, "math.%s takes numbers, got a tensor", name)
			return
		case lib == "table" && i == 0:
			c.wantsTable(e.Line(), "table."+name)
			return
		case lib == "string" && name == "format":
			c.formatted(e, i)
		}
	}
}

// wantsTable reports a tensor where a table is wanted.
func (c *checker) wantsTable(line int, name string) {
	c.report(line, Tensor, "t:tolist() is a table of its values", "%s takes a table, got a tensor", name)
}

// formatted reports a tensor that string.format is to write as a number.
func (c *checker) formatted(e *ast.FuncCallExpr, arg int) {
	text, _ := e.Receiver.(*ast.StringExpr)
	if e.Func != nil {
		arg--
		if len(e.Args) > 0 {
			text, _ = e.Args[0].(*ast.StringExpr)
		}
	}
	if text == nil || arg < 0 {
		return
	}
	rest := strings.ReplaceAll(text.Value, "%%", "")
	for range arg + 1 {
		_, after, ok := strings.Cut(rest, "%")
		if !ok {
			return
		}
		rest = strings.TrimLeft(after, "-+ #0123456789.")
	}
	if rest != "" && strings.ContainsRune("cdeEfgGioquxX", rune(rest[0])) && rest[0] != 'q' {
		c.report(e.Line(), Tensor, "write t:item() for the number, or %s for the whole tensor", "%%%c takes a number, got a tensor", rest[0])
	}
}
