"""What is passed through: cells joined by doorways, fittings, stairs -> the kinds of them."""
