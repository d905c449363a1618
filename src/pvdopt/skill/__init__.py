"""How good predictions of publications not seen are: measured, told and drawn."""
