"""What nodes of libcst are made by (`maker`), from the values of the fields that matter, and the operators, of which one each will do."""

from __future__ import annotations

import ast

import libcst as cst

from racelint.flow.making import maker

NAME = maker(cst.Name, "value")
ATTRIBUTE = maker(cst.Attribute, "value", "attr")
STRING = maker(cst.SimpleString, "value")
STRINGS = maker(cst.ConcatenatedString, "left", "right", "lpar")
FORMATTED = maker(cst.FormattedString, "parts", "start", "end")
FIELD = maker(cst.FormattedStringExpression, "expression")
TEXT = maker(cst.FormattedStringText, "value")
INTEGER, FLOAT, IMAGINARY = maker(cst.Integer, "value"), maker(cst.Float, "value"), maker(cst.Imaginary, "value")
ELLIPSIS = maker(cst.Ellipsis)
CALL = maker(cst.Call, "func", "args")
ARG = maker(cst.Arg, "value", "keyword", "star")
SUBSCRIPT = maker(cst.Subscript, "value", "slice", "lpar")
ELEMENT_OF_INDEX = maker(cst.SubscriptElement, "slice")
INDEX, SLICE = maker(cst.Index, "value", "star"), maker(cst.Slice, "lower", "upper", "step")
ELEMENT, STARRED = maker(cst.Element, "value"), maker(cst.StarredElement, "value")
TUPLE, LIST = maker(cst.Tuple, "elements"), maker(cst.List, "elements")
SET, DICT = maker(cst.Set, "elements", "lpar"), maker(cst.Dict, "elements", "lpar")
ENTRY, STARRED_ENTRY = maker(cst.DictElement, "key", "value"), maker(cst.StarredDictElement, "value")
BINARY = maker(cst.BinaryOperation, "left", "operator", "right")
UNARY = maker(cst.UnaryOperation, "operator", "expression", "lpar")
BOOLEAN = maker(cst.BooleanOperation, "left", "operator", "right", "lpar")
COMPARISON = maker(cst.Comparison, "left", "comparisons", "lpar")
COMPARED = maker(cst.ComparisonTarget, "operator", "comparator")
IF_ELSE = maker(cst.IfExp, "test", "body", "orelse", "lpar")
LAMBDA = maker(cst.Lambda, "params", "body", "lpar")
NAMED = maker(cst.NamedExpr, "target", "value", "lpar")
AWAIT, FROM = maker(cst.Await, "expression"), maker(cst.From, "item")
YIELD = maker(cst.Yield, "value", "lpar")
COMP_FOR = maker(cst.CompFor, "target", "iter", "ifs", "inner_for_in", "asynchronous")
COMP_IF = maker(cst.CompIf, "test")
DICT_COMP = maker(cst.DictComp, "key", "value", "for_in", "lpar")
ASYNCHRONOUS = maker(cst.Asynchronous)
SUITE, BLOCK = maker(cst.SimpleStatementSuite, "body"), maker(cst.IndentedBlock, "body")
LINE, EXPR = maker(cst.SimpleStatementLine, "body"), maker(cst.Expr, "value")
ASSIGN, TARGET = maker(cst.Assign, "targets", "value"), maker(cst.AssignTarget, "target")
ANN_ASSIGN = maker(cst.AnnAssign, "target", "annotation", "value")
AUG_ASSIGN = maker(cst.AugAssign, "target", "operator", "value")
ANNOTATION = maker(cst.Annotation, "annotation")
DEL, RETURN = maker(cst.Del, "target"), maker(cst.Return, "value")
RAISE, ASSERT = maker(cst.Raise, "exc", "cause"), maker(cst.Assert, "test", "msg")
GLOBAL, NONLOCAL, NAME_ITEM = maker(cst.Global, "names"), maker(cst.Nonlocal, "names"), maker(cst.NameItem, "name")
IMPORT, IMPORT_FROM = maker(cst.Import, "names"), maker(cst.ImportFrom, "module", "names", "relative")
ALIAS, AS, STAR = maker(cst.ImportAlias, "name", "asname"), maker(cst.AsName, "name"), maker(cst.ImportStar)
DOT = maker(cst.Dot)
PASS, BREAK, CONTINUE = maker(cst.Pass), maker(cst.Break), maker(cst.Continue)
IF, ELSE = maker(cst.If, "test", "body", "orelse"), maker(cst.Else, "body")
WHILE = maker(cst.While, "test", "body", "orelse")
FOR = maker(cst.For, "target", "iter", "body", "orelse", "asynchronous")
TRY = maker(cst.Try, "body", "handlers", "orelse", "finalbody")
HANDLER, FINALLY = maker(cst.ExceptHandler, "body", "type", "name"), maker(cst.Finally, "body")
WITH, ITEM = maker(cst.With, "items", "body", "asynchronous"), maker(cst.WithItem, "item", "asname")
FUNCTION = maker(cst.FunctionDef, "name", "params", "body", "decorators", "returns", "asynchronous")
CLASS = maker(cst.ClassDef, "name", "body", "bases", "keywords", "decorators")
DECORATOR = maker(cst.Decorator, "decorator")
PARAMETERS = maker(cst.Parameters, "params", "star_arg", "kwonly_params", "star_kwarg", "posonly_params")
PARAM, PARAM_STAR = maker(cst.Param, "name", "annotation", "default", "star"), maker(cst.ParamStar)

COMPREHENSIONS = {
    ast.ListComp: maker(cst.ListComp, "elt", "for_in", "lpar"),
    ast.SetComp: maker(cst.SetComp, "elt", "for_in", "lpar"),
    ast.GeneratorExp: maker(cst.GeneratorExp, "elt", "for_in", "lpar"),
}
BINARIES: dict[type[ast.operator], cst.BaseBinaryOp] = {
    ast.Add: cst.Add(),
    ast.Sub: cst.Subtract(),
    ast.Mult: cst.Multiply(),
    ast.MatMult: cst.MatrixMultiply(),
    ast.Div: cst.Divide(),
    ast.FloorDiv: cst.FloorDivide(),
    ast.Mod: cst.Modulo(),
    ast.Pow: cst.Power(),
    ast.LShift: cst.LeftShift(),
    ast.RShift: cst.RightShift(),
    ast.BitOr: cst.BitOr(),
    ast.BitAnd: cst.BitAnd(),
    ast.BitXor: cst.BitXor(),
}
AUGMENTING = {op: getattr(cst, type(node).__name__ + "Assign")() for op, node in BINARIES.items()}
UNARIES: dict[type[ast.unaryop], cst.BaseUnaryOp] = {
    ast.Not: cst.Not(),
    ast.USub: cst.Minus(),
    ast.UAdd: cst.Plus(),
    ast.Invert: cst.BitInvert(),
}
BOOLEANS: dict[type[ast.boolop], tuple[cst.BaseBooleanOp, str]] = {
    ast.And: (cst.And(), "and"),
    ast.Or: (cst.Or(), "or"),
}
COMPARING: dict[type[ast.cmpop], cst.BaseCompOp] = {
    ast.Eq: cst.Equal(),
    ast.NotEq: cst.NotEqual(),
    ast.Lt: cst.LessThan(),
    ast.LtE: cst.LessThanEqual(),
    ast.Gt: cst.GreaterThan(),
    ast.GtE: cst.GreaterThanEqual(),
    ast.Is: cst.Is(),
    ast.IsNot: cst.IsNot(),
    ast.In: cst.In(),
    ast.NotIn: cst.NotIn(),
}
