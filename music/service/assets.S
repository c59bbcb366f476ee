/* web/ is found through -I, which -Wa,-I gives the assembler. */
	.section .rodata
	.global page_html, page_html_size, openapi_json, openapi_json_size
page_html:
	.incbin "web/page.html"
1:	.byte 0
openapi_json:
	.incbin "web/openapi.json"
2:	.byte 0
	.balign 4
page_html_size:
	.long 1b - page_html
openapi_json_size:
	.long 2b - openapi_json
	.section .note.GNU-stack,"",%progbits
