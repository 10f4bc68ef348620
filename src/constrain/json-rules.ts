/** Rules of JSON texts. White space is optional and bounded in kind: a space, or a new line and what
 *  indents it, so that no text is padded without end. Whole numbers are exact in a double, and none is
 *  infinite. */
export const JSON_RULES = String.raw`nil ::= ""
ws ::= "" | " " | "\n" [ \t]{0,32}
string ::= "\"" rest
rest ::= "\"" | [^"\\\0-\x1f\x7f] rest | "\\" escape rest
escape ::= ["\\/bfnrt] | "u" [0-9a-fA-F] [0-9a-fA-F] [0-9a-fA-F] [0-9a-fA-F]
integer ::= "-"? ("0" | [1-9] [0-9]{0,14})
number ::= integer ("." [0-9]{1,15})? ([eE] [+\-]? [0-9]{1,2})?
value ::= object | array | string | number | "true" | "false" | "null"
object ::= "{" ws ("}" | member (ws "," ws member)* ws "}")
member ::= string ws ":" ws value
array ::= "[" ws ("]" | value (ws "," ws value)* ws "]")
`;

export const JSON_OBJECT_GRAMMAR = `root ::= object\n${JSON_RULES}`;
