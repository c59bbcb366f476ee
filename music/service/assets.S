/* web/ is found through -I, which -Wa,-I gives the assembler. */
	.section .rodata
	.global page_html, page_html_end, openapi_json, openapi_json_end
page_html:
	.incbin "web/page.html"
page_html_end:
	.byte 0
openapi_json:
	.incbin "web/openapi.json"
openapi_json_end:
	.byte 0
	.section .note.GNU-stack,"",%progbits
