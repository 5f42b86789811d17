"""A product as one page of HTML that needs nothing else: to be mailed, kept, and opened anywhere.

write_page("index.html", [Part(product, title="Change in Paris")])
"""

from swath.predict.page.part import Part
from swath.predict.page.write import page_of, write_page

__all__ = ["Part", "page_of", "write_page"]
