package tensor

// A Maker makes the objects that results are put in, for who refers to each
// result by an object of its own: one object for both is cheaper than two. Each
// call gives another one. It is asked while an operation runs, and what it made
// last may not be the result: operations make tensors on the way.
type Maker interface {
	Recorded() *Recorded
	Constant() *Constant
	Deferred() *Deferred
	Reduced() *Reduced
	View() *Tensor
}

// A Recorded has a tensor with the operation that made it. It is for a Maker:
// nobody else needs to know.
type Recorded struct{ n node }

// Tensor is the tensor.
func (r *Recorded) Tensor() *Tensor { return &r.n.t }

// A Constant has a tensor that no graph made, and its storage.
type Constant struct {
	t Tensor
	s small
}

// Tensor is the tensor.
func (c *Constant) Tensor() *Tensor { return &c.t }

// A Deferred is a Constant whose values may be computed later.
type Deferred struct {
	t Tensor
	s lateStorage
}

// Tensor is the tensor.
func (l *Deferred) Tensor() *Tensor { return &l.t }

// A Reduced is a Deferred with one element that is a reduction's.
type Reduced struct {
	t Tensor
	s lateScalar
}

// Tensor is the tensor.
func (r *Reduced) Tensor() *Tensor { return &r.t }

// SetMaker has m make the objects of a's results. It must be set before the
// Allocator is used.
func (a *Allocator) SetMaker(m Maker) { a.maker = m }

func (a *Allocator) newNode() *node {
	if a == nil || a.maker == nil {
		return &node{}
	}
	return &a.maker.Recorded().n
}

func (a *Allocator) newConstant() *Constant {
	if a == nil || a.maker == nil {
		return &Constant{}
	}
	return a.maker.Constant()
}

func (a *Allocator) newDeferred() *Deferred {
	if a == nil || a.maker == nil {
		return &Deferred{}
	}
	return a.maker.Deferred()
}

func (a *Allocator) newReduced() *Reduced {
	if a == nil || a.maker == nil {
		return &Reduced{}
	}
	return a.maker.Reduced()
}

func (a *Allocator) newView() *Tensor {
	if a == nil || a.maker == nil {
		return &Tensor{}
	}
	return a.maker.View()
}
